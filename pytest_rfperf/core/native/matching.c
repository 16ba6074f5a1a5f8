/* COCO matching of a whole dataset: cocoeval.py, COCOeval.computeIoU and evaluateImg, at all thresholds at once. */
#include "kernels.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { AHEAD = 12 };
static const double LARGEST = 1e150; /* areas of larger boxes would overflow */

typedef struct {
    int64_t count;
    const int64_t *images;
    const int64_t *categories;
    const double *boxes; /* (N, 4) xywh */
    const double *scores;
} Detected;

typedef struct {
    int64_t count;
    const int64_t *images;
    const int64_t *categories;
    const double *boxes; /* (N, 4) xywh */
    const double *areas;
    const uint8_t *crowd;
    const uint8_t *ignore;
} Annotated;

typedef struct {
    int64_t image_count;
    int64_t category_count;
    int64_t max_detections;
    int64_t threshold_count;
    const double *thresholds;
    int64_t area_count;
    const double *area_limits; /* (A, 2) least and greatest */
} Protocol;

/* What comes out, in the order of MatchRecords; the caller gives each column room for every row. */
typedef struct {
    int64_t *edges;
    int32_t *images;
    int32_t *ranks;
    double *scores;
    uint64_t *in_area;
    int64_t *contender_edges;
    int64_t *contenders;
    uint64_t *matched;
    uint64_t *ignored;
    int64_t *object_edges;
    int32_t *object_images;
    uint64_t *counting;
} Columns;

/* An object that a detection overlaps enough for the lowest threshold. */
typedef struct {
    int64_t object;
    double iou;
    uint64_t reached; /* bit t: enough for threshold t */
} Candidate;

/* What the walk needs of a detection. Copied together, so that it finds those of one category side by side. */
typedef struct {
    uint64_t areas;
    uint32_t row;
    int32_t image;
} Found;

/* Objects and detections of all categories in order, and the state that the walk over one category keeps. */
typedef struct {
    Grouped objects;
    Found *detections;         /* (D) by category, then image, then as given */
    uint64_t *keys;            /* (D) of their scores, in the same order */
    int64_t *groups;           /* (K + 1) where the detections of a category begin */
    int64_t *by_image;         /* (D) rows by image; NULL where they stand so already */
    uint64_t *taken;           /* (G, A) bit t: taken at threshold t */
    uint64_t *skipped;         /* (G) bit a: counts for nothing in range a */
    int64_t *first_object;     /* (I) of the category, in each image */
    int32_t *object_count;     /* (I) */
    int32_t *seen;             /* (I) detections of the category so far */
    Candidate *candidates;
    uint64_t *words;
    uint64_t *spare;
} Scratch;

static uint64_t ranges_holding(double area, const Protocol *protocol) {
    uint64_t bits = 0;
    for (int64_t a = 0; a < protocol->area_count; a++) {
        const double *limits = protocol->area_limits + 2 * a;
        bits |= (uint64_t)(area >= limits[0] && area <= limits[1]) << a;
    }
    return bits;
}

/* Zero, or of a size whose square neither overflows nor vanishes; NaN is neither. */
static int is_sound_side(double side) {
    const double size = fabs(side);
    return size == 0.0 || (size >= 1.0 / LARGEST && size <= LARGEST);
}

static int is_sound(const double *box, double score) {
    return fabs(box[0]) <= LARGEST && fabs(box[1]) <= LARGEST && is_sound_side(box[2]) && is_sound_side(box[3]) &&
           fabs(score) <= DBL_MAX;
}

/* Copies detections to their categories; returns the first row that is not sound, or -1. groups[k] ends as the
 * place after category k - 1, since it is moved on with each copy. */
static int64_t gather_detections(const Detected *found, const Protocol *protocol, Scratch *scratch) {
    int64_t *groups = scratch->groups;
    for (int64_t i = 0; i < found->count; i++) {
        groups[found->categories[i] + 1]++;
    }
    for (int64_t k = 0; k < protocol->category_count; k++) {
        groups[k + 1] += groups[k];
    }
    for (int64_t i = 0; i < found->count; i++) {
        const int64_t row = scratch->by_image ? scratch->by_image[i] : i;
        const double *box = found->boxes + 4 * row;
        if (!is_sound(box, found->scores[row])) {
            return row;
        }
        const int64_t place = groups[found->categories[row]]++;
        scratch->keys[place] = descending_key(found->scores[row]);
        scratch->detections[place] =
            (Found){ranges_holding(box[2] * box[3], protocol), (uint32_t)row, (int32_t)found->images[row]};
    }
    memmove(groups + 1, groups, sizeof(int64_t) * (size_t)protocol->category_count);
    groups[0] = 0;
    return -1;
}

/* Intersection over union; over the detection's own area where the object is a crowd (maskApi.c, bbIou). */
static double overlap(const double *detection, const double *object, int crowd) {
    const double right_d = detection[2] + detection[0], right_o = object[2] + object[0];
    const double bottom_d = detection[3] + detection[1], bottom_o = object[3] + object[1];
    const double left = detection[0] > object[0] ? detection[0] : object[0];
    const double top = detection[1] > object[1] ? detection[1] : object[1];
    const double width = (right_d < right_o ? right_d : right_o) - left;
    const double height = (bottom_d < bottom_o ? bottom_d : bottom_o) - top;
    if (width <= 0 || height <= 0) {
        return 0.0;
    }
    const double intersection = width * height;
    const double own = detection[2] * detection[3];
    return intersection / (crowd ? own : own + object[2] * object[3] - intersection);
}

static uint64_t thresholds_reached(double iou, const Protocol *protocol) {
    uint64_t bits = 0;
    for (int64_t t = 0; t < protocol->threshold_count; t++) {
        bits |= (uint64_t)(iou >= protocol->thresholds[t]) << t;
    }
    return bits;
}

/* Objects of the image by falling overlap, the later one first where overlaps tie. Returns how many. */
static int64_t find_candidates(const double *box, int64_t image, const Annotated *truth, const Protocol *protocol,
                               Scratch *scratch) {
    Candidate *candidates = scratch->candidates;
    const int64_t first = scratch->first_object[image], last = first + scratch->object_count[image];
    int64_t found = 0;
    for (int64_t object = first; object < last; object++) {
        const int64_t row = scratch->objects.rows[object];
        const double iou = overlap(box, truth->boxes + 4 * row, truth->crowd[row]);
        const uint64_t reached = thresholds_reached(iou, protocol);
        if (!reached) {
            continue;
        }
        int64_t place = found++;
        for (; place > 0 && candidates[place - 1].iou <= iou; place--) {
            candidates[place] = candidates[place - 1];
        }
        candidates[place] = (Candidate){object, iou, reached};
    }
    return found;
}

/* The greedy rule in one area range: objects that count first; one is taken once a threshold, a crowd ever again. */
static void assign(const Scratch *scratch, int64_t count, const Annotated *truth, int64_t area, int64_t area_count,
                   uint64_t *matched, uint64_t *ignored) {
    *matched = 0;
    *ignored = 0;
    for (int second = 0; second < 2; second++) {
        for (int64_t i = 0; i < count; i++) {
            const Candidate candidate = scratch->candidates[i];
            if ((int)((scratch->skipped[candidate.object] >> area) & 1) != second) {
                continue;
            }
            uint64_t *taken = scratch->taken + candidate.object * area_count + area;
            const uint64_t freely = candidate.reached & ~*matched & ~*taken;
            *matched |= freely;
            *ignored |= second ? freely : 0;
            *taken |= truth->crowd[scratch->objects.rows[candidate.object]] ? 0 : freely;
        }
    }
}

static void note_objects(int64_t category, const Annotated *truth, Scratch *scratch, int begin) {
    const int64_t *groups = scratch->objects.groups;
    for (int64_t object = groups[category]; object < groups[category + 1]; object++) {
        const int64_t image = truth->images[scratch->objects.rows[object]];
        if (!begin) {
            scratch->object_count[image] = 0;
        } else if (!scratch->object_count[image]++) {
            scratch->first_object[image] = object;
        }
    }
}

/* Asks for the box of a detection that has objects in its image. */
static void fetch_ahead(const Found *detection, const Detected *found, const Scratch *scratch) {
    if (scratch->object_count[detection->image]) {
        RFPERF_PREFETCH(found->boxes + 4 * (int64_t)detection->row);
    }
}

/* All detections of one category, surest first. */
static void walk_category(int64_t category, const Detected *found, const Annotated *truth, const Protocol *protocol,
                          Scratch *scratch, Columns *out) {
    const Found *detections = scratch->detections + scratch->groups[category];
    const uint64_t *keys = scratch->keys + scratch->groups[category];
    const int64_t count = scratch->groups[category + 1] - scratch->groups[category];
    int64_t row = out->edges[category], contender = out->contender_edges[category];
    note_objects(category, truth, scratch, 1);
    order_keys(keys, count, scratch->words, scratch->spare);
    for (int64_t i = 0; i < count; i++) {
        scratch->seen[detections[i].image] = 0; /* in the order of memory, which also brings them near */
    }
    for (int64_t i = 0; i < count; i++) {
        const uint32_t place = ordered(scratch->words[i]);
        const Found *detection = detections + place;
        fetch_ahead(detections + ordered(scratch->words[i + AHEAD < count ? i + AHEAD : i]), found, scratch);
        const int32_t rank = scratch->seen[detection->image]++;
        if (rank >= protocol->max_detections) {
            continue;
        }
        out->images[row] = detection->image;
        out->ranks[row] = rank;
        out->scores[row] = score_of(keys[place], found->scores, detection->row);
        out->in_area[row] = detection->areas;
        if (scratch->object_count[detection->image]) {
            const int64_t near = find_candidates(found->boxes + 4 * (int64_t)detection->row, detection->image, truth, protocol,
                                                 scratch);
            for (int64_t a = 0; near && a < protocol->area_count; a++) {
                const int64_t at = contender * protocol->area_count + a;
                assign(scratch, near, truth, a, protocol->area_count, out->matched + at, out->ignored + at);
            }
            out->contenders[contender] = row;
            contender += near > 0;
        }
        row++;
    }
    note_objects(category, truth, scratch, 0);
    out->edges[category + 1] = row;
    out->contender_edges[category + 1] = contender;
}

static void write_objects(const Annotated *truth, const Protocol *protocol, Scratch *scratch, Columns *out) {
    const uint64_t every = protocol->area_count == 64 ? UINT64_MAX : ((uint64_t)1 << protocol->area_count) - 1;
    for (int64_t object = 0; object < truth->count; object++) {
        const int64_t row = scratch->objects.rows[object];
        const int nothing = truth->crowd[row] || truth->ignore[row];
        out->object_images[object] = (int32_t)truth->images[row];
        out->counting[object] = nothing ? 0 : ranges_holding(truth->areas[row], protocol);
        scratch->skipped[object] = every & ~out->counting[object];
    }
    memcpy(out->object_edges, scratch->objects.groups, sizeof(int64_t) * (size_t)(protocol->category_count + 1));
}

static void *array_of(int64_t count, size_t size) { return calloc((size_t)count + 1, size); }

static int take_scratch(const Detected *found, const Annotated *truth, const Protocol *protocol, Scratch *scratch) {
    const int64_t images = protocol->image_count, categories = protocol->category_count;
    memset(scratch, 0, sizeof *scratch);
    if (group_rows(truth->images, truth->categories, truth->count, images, categories, &scratch->objects) ||
        order_by_image(found->images, found->count, images, &scratch->by_image)) {
        return RFPERF_NO_MEMORY;
    }
    scratch->detections = malloc(sizeof(Found) * (size_t)(found->count + 1));
    scratch->keys = malloc(sizeof(uint64_t) * (size_t)(found->count + 1));
    scratch->groups = array_of(categories, sizeof(int64_t));
    scratch->taken = array_of(truth->count * protocol->area_count, sizeof(uint64_t));
    scratch->skipped = array_of(truth->count, sizeof(uint64_t));
    scratch->first_object = array_of(images, sizeof(int64_t));
    scratch->object_count = array_of(images, sizeof(int32_t));
    scratch->seen = array_of(images, sizeof(int32_t));
    scratch->candidates = array_of(largest_step(scratch->objects.groups, categories), sizeof(Candidate));
    const int enough = scratch->detections && scratch->keys && scratch->groups && scratch->taken && scratch->skipped &&
                       scratch->first_object && scratch->object_count && scratch->seen && scratch->candidates;
    return enough ? RFPERF_OK : RFPERF_NO_MEMORY;
}

/* Room to sort the largest category. */
static int take_words(const Protocol *protocol, Scratch *scratch) {
    const size_t places = (size_t)largest_step(scratch->groups, protocol->category_count) + 1;
    scratch->words = malloc(sizeof(uint64_t) * places);
    scratch->spare = malloc(sizeof(uint64_t) * places);
    return scratch->words && scratch->spare ? RFPERF_OK : RFPERF_NO_MEMORY;
}

static void free_scratch(Scratch *scratch) {
    free_grouped(&scratch->objects);
    free(scratch->detections);
    free(scratch->keys);
    free(scratch->groups);
    free(scratch->by_image);
    free(scratch->taken);
    free(scratch->skipped);
    free(scratch->first_object);
    free(scratch->object_count);
    free(scratch->seen);
    free(scratch->candidates);
    free(scratch->words);
    free(scratch->spare);
}

/* Matches all images and categories. Where a detection is not sound its row is put into bad_row. */
RFPERF_API int rfperf_match(const Detected *found, const Annotated *truth, const Protocol *protocol, Columns *out,
                            int64_t *bad_row) {
    Scratch scratch;
    int status = take_scratch(found, truth, protocol, &scratch);
    if (status == RFPERF_OK) {
        *bad_row = gather_detections(found, protocol, &scratch);
        status = *bad_row < 0 ? take_words(protocol, &scratch) : RFPERF_BAD_ROW;
    }
    if (status == RFPERF_OK) {
        write_objects(truth, protocol, &scratch, out);
        out->edges[0] = 0;
        out->contender_edges[0] = 0;
        for (int64_t category = 0; category < protocol->category_count; category++) {
            walk_category(category, found, truth, protocol, &scratch, out);
        }
    }
    free_scratch(&scratch);
    return status;
}
