/* Stable orders in linear time: by score, and by category and image. */
#include "kernels.h"

#include <stdlib.h>
#include <string.h>

enum { HALF = 32, DIGIT_BITS = 8, DIGITS = HALF / DIGIT_BITS, BUCKETS = 1 << DIGIT_BITS, FEW = 48 };

/* Sorts words by their upper half; stable. */
static void insert_words(uint64_t *words, int64_t count) {
    for (int64_t i = 1; i < count; i++) {
        const uint64_t word = words[i];
        int64_t place = i;
        for (; place > 0 && words[place - 1] >> HALF > word >> HALF; place--) {
            words[place] = words[place - 1];
        }
        words[place] = word;
    }
}

static void count_digits(const uint64_t *words, int64_t count, uint32_t counts[DIGITS][BUCKETS]) {
    memset(counts, 0, sizeof(uint32_t) * DIGITS * BUCKETS);
    for (int64_t i = 0; i < count; i++) {
        for (int digit = 0; digit < DIGITS; digit++) {
            counts[digit][(words[i] >> (HALF + digit * DIGIT_BITS)) & (BUCKETS - 1)]++;
        }
    }
}

/* Moves words into the order of one digit. */
static void scatter(const uint64_t *from, uint64_t *to, int64_t count, int shift, uint32_t counts[BUCKETS]) {
    uint32_t begin = 0;
    for (int bucket = 0; bucket < BUCKETS; bucket++) {
        const uint32_t size = counts[bucket];
        counts[bucket] = begin;
        begin += size;
    }
    for (int64_t i = 0; i < count; i++) {
        to[counts[(from[i] >> shift) & (BUCKETS - 1)]++] = from[i];
    }
}

/* Sorts words by their upper half, a digit at a time; stable. */
static void sort_words(uint64_t *words, uint64_t *spare, int64_t count) {
    uint32_t counts[DIGITS][BUCKETS];
    uint64_t *from = words, *to = spare;
    if (count <= FEW) {
        insert_words(words, count);
        return;
    }
    count_digits(words, count, counts);
    for (int digit = 0; digit < DIGITS; digit++) {
        const int shift = HALF + digit * DIGIT_BITS;
        if (counts[digit][(words[0] >> shift) & (BUCKETS - 1)] == (uint32_t)count) {
            continue; /* all share this digit */
        }
        scatter(from, to, count, shift, counts[digit]);
        uint64_t *swapped = from;
        from = to;
        to = swapped;
    }
    if (from != words) {
        memcpy(words, from, sizeof(uint64_t) * (size_t)count);
    }
}

void order_keys(const uint64_t *keys, int64_t count, uint64_t *words, uint64_t *spare) {
    for (int64_t i = 0; i < count; i++) {
        words[i] = (keys[i] >> HALF << HALF) | (uint64_t)i;
    }
    sort_words(words, spare, count);
    for (int64_t begin = 0, end; begin < count; begin = end) {
        int ascending = 1;
        for (end = begin + 1; end < count && words[end] >> HALF == words[begin] >> HALF; end++) {
            ascending &= keys[ordered(words[end - 1])] <= keys[ordered(words[end])];
        }
        if (!ascending) { /* their lower halves decide */
            for (int64_t i = begin; i < end; i++) {
                words[i] = keys[ordered(words[i])] << HALF | ordered(words[i]);
            }
            sort_words(words + begin, spare, end - begin);
        }
    }
}

static int is_ascending(const int64_t *values, int64_t count) {
    for (int64_t i = 1; i < count; i++) {
        if (values[i] < values[i - 1]) {
            return 0;
        }
    }
    return 1;
}

/* Counting sort of rows by values[row]; starts has one place more than there are values, and keeps where each begins. */
static void sort_by_value(const int64_t *from, int64_t *to, int64_t count, const int64_t *values, int64_t *starts,
                          int64_t value_count) {
    memset(starts, 0, sizeof(int64_t) * (size_t)(value_count + 1));
    for (int64_t i = 0; i < count; i++) {
        starts[values[i] + 1]++;
    }
    for (int64_t value = 0; value < value_count; value++) {
        starts[value + 1] += starts[value];
    }
    for (int64_t i = 0; i < count; i++) {
        const int64_t row = from ? from[i] : i;
        to[starts[values[row]]++] = row;
    }
    memmove(starts + 1, starts, sizeof(int64_t) * (size_t)value_count);
    starts[0] = 0;
}

int order_by_image(const int64_t *images, int64_t count, int64_t image_count, int64_t **rows) {
    *rows = NULL;
    if (is_ascending(images, count)) {
        return RFPERF_OK;
    }
    int64_t *starts = malloc(sizeof(int64_t) * ((size_t)image_count + 1));
    *rows = malloc(sizeof(int64_t) * (size_t)count);
    const int enough = starts && *rows;
    if (enough) {
        sort_by_value(NULL, *rows, count, images, starts, image_count);
    }
    free(starts);
    return enough ? RFPERF_OK : RFPERF_NO_MEMORY;
}

int group_rows(const int64_t *images, const int64_t *categories, int64_t count, int64_t image_count,
               int64_t category_count, Grouped *grouped) {
    int64_t *by_image;
    int status = order_by_image(images, count, image_count, &by_image);
    grouped->rows = malloc(sizeof(int64_t) * ((size_t)count + 1));
    grouped->groups = malloc(sizeof(int64_t) * ((size_t)category_count + 1));
    if (!grouped->rows || !grouped->groups) {
        status = RFPERF_NO_MEMORY;
    }
    if (status == RFPERF_OK) {
        sort_by_value(by_image, grouped->rows, count, categories, grouped->groups, category_count);
    }
    free(by_image);
    return status;
}

void free_grouped(Grouped *grouped) {
    free(grouped->rows);
    free(grouped->groups);
    grouped->rows = NULL;
    grouped->groups = NULL;
}

int64_t largest_step(const int64_t *edges, int64_t count) {
    int64_t largest = 0;
    for (int64_t i = 0; i < count; i++) {
        const int64_t step = edges[i + 1] - edges[i];
        largest = step > largest ? step : largest;
    }
    return largest;
}

RFPERF_API int rfperf_layout(void) { return RFPERF_LAYOUT; }
