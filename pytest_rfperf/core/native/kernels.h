/* The compiled tier of the metric core: what its files share.
 *
 * Plain C99 without Python's API. Callers allocate results and hand over sizes that they have checked; scratch memory
 * is taken and given back within a call. Every function that can fail returns a status. Sums and ratios are written
 * as the numpy tier writes them, and compiled without fused multiply-add, so that both tiers agree in every bit.
 */
#ifndef RFPERF_KERNELS_H
#define RFPERF_KERNELS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__FAST_MATH__)
#error "-ffast-math changes results; without this library the numpy tier runs"
#endif

/* Counted up with every change of a struct that Python fills; library.py refuses another one. */
enum { RFPERF_LAYOUT = 1 };

#if defined(_WIN32)
#define RFPERF_API __declspec(dllexport)
#else
#define RFPERF_API __attribute__((visibility("default")))
#endif

/* Asks for memory that is soon read. */
#if defined(__GNUC__)
#define RFPERF_PREFETCH(place) __builtin_prefetch(place)
#else
#define RFPERF_PREFETCH(place) ((void)0)
#endif

enum { RFPERF_OK = 0, RFPERF_NO_MEMORY = 1, RFPERF_BAD_ROW = 2 };

/* A key that ascends as the score descends. -0 equals 0; NaN comes last. */
static inline uint64_t descending_key(double score) {
    const uint64_t sign = (uint64_t)1 << 63;
    uint64_t bits;
    if (score != score) {
        return UINT64_MAX;
    }
    score += 0.0; /* -0 becomes 0 */
    memcpy(&bits, &score, sizeof bits);
    /* IEEE 754 numbers of one sign are ordered as their bits are; negative ones the other way round. */
    return bits & sign ? bits : ~(bits | sign);
}

/* The score of a key, bit for bit; that of row, where the key does not tell 0 from -0. */
static inline double score_of(uint64_t key, const double *scores, int64_t row) {
    const uint64_t sign = (uint64_t)1 << 63;
    const uint64_t bits = key & sign ? key : ~(key | sign);
    double score;
    if (key == (sign - 1)) {
        return scores[row]; /* 0 or -0 */
    }
    memcpy(&score, &bits, sizeof score);
    return score;
}

/* Orders fewer than 2^32 keys, equal ones as they stand: ordered(words[i]) is then the place of the i-th key. The
 * upper half of a word is a half of its key. Both arrays have room for all. */
void order_keys(const uint64_t *keys, int64_t count, uint64_t *words, uint64_t *spare);
static inline uint32_t ordered(uint64_t word) { return (uint32_t)word; }

/* Rows of a whole dataset grouped by category, then by image, file order within; groups[k] is where category k begins. */
typedef struct {
    int64_t *rows;
    int64_t *groups;
} Grouped;

/* Rows by image, as given within; NULL where they stand so already. The caller frees them. */
int order_by_image(const int64_t *images, int64_t count, int64_t image_count, int64_t **rows);

/* The caller frees what is grouped, whatever the status. */
int group_rows(const int64_t *images, const int64_t *categories, int64_t count, int64_t image_count,
               int64_t category_count, Grouped *grouped);
void free_grouped(Grouped *grouped);

/* The largest difference of two neighbours among count + 1 ascending edges. */
int64_t largest_step(const int64_t *edges, int64_t count);

/* The columns of MatchRecords (core/records.py), as the caller holds them. */
typedef struct {
    int64_t category_count;
    int64_t area_count;
    int64_t threshold_count;
    const int64_t *edges;            /* (K + 1) where the detections of a category begin */
    const int32_t *images;           /* (D) */
    const int32_t *ranks;            /* (D) */
    const double *scores;            /* (D) */
    const uint64_t *in_area;         /* (D) bit a: the detection's own area lies in range a */
    const int64_t *contender_edges;  /* (K + 1) where the contenders of a category begin */
    const int64_t *contenders;       /* (C) ascending rows of detections */
    const uint64_t *matched;         /* (C, A) bit t: took an object at threshold t */
    const uint64_t *ignored;         /* (C, A) bit t: that object counts for nothing */
    const int64_t *object_edges;     /* (K + 1) where the objects of a category begin */
    const int32_t *object_images;    /* (G) */
    const uint64_t *counting;        /* (G) bit a: the object counts in range a */
} Records;

#endif
