/* Average precision of many draws of images: a draw is a weight for each image, and matching does not depend on it.
 *
 * LANES draws are followed together. Counts are sums of whole weights, so that weights of one give the counts, and
 * hence the bits, of plain accumulation.
 */
#include "kernels.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

enum { LANES = 8, MAX_THRESHOLDS = 64 };

typedef struct {
    int64_t area;
    int64_t threshold_count;
    const int64_t *thresholds; /* (T) bits of the records' state words */
    int64_t recall_count;
    const double *recalls; /* (R) ascending */
    int64_t image_count;
} Chosen;

/* The true positives of one category at one threshold, a lane a draw. */
typedef struct {
    double (*right)[LANES];
    double (*precision)[LANES];
    int64_t count;
} Course;

typedef struct {
    Course courses[MAX_THRESHOLDS];
    double *values;
    double (*weights)[LANES]; /* (I) */
} Scratch;

/* Weights by image, the draws side by side; lanes without a draw repeat the first. */
static void load_weights(const int32_t *weights, int64_t draws, int64_t images, double (*lanes)[LANES]) {
    for (int64_t image = 0; image < images; image++) {
        for (int64_t lane = 0; lane < LANES; lane++) {
            lanes[image][lane] = (double)weights[(lane < draws ? lane : 0) * images + image];
        }
    }
}

static void count_objects(const Records *records, const Chosen *chosen, int64_t category, const Scratch *scratch,
                          double *objects) {
    for (int64_t object = records->object_edges[category]; object < records->object_edges[category + 1]; object++) {
        if ((records->counting[object] >> chosen->area) & 1) {
            const double *weight = scratch->weights[records->object_images[object]];
            for (int lane = 0; lane < LANES; lane++) {
                objects[lane] += weight[lane];
            }
        }
    }
}

static void note_true(Course *course, const double *right, const double *plain, const double *judged) {
    double *counts = course->right[course->count], *precision = course->precision[course->count];
    for (int lane = 0; lane < LANES; lane++) {
        counts[lane] = right[lane];
        precision[lane] = right[lane] / ((plain[lane] + judged[lane]) + right[lane] + DBL_EPSILON);
    }
    course->count++;
}

/* Judges one contender at every chosen threshold. */
static void judge(const Records *records, const Chosen *chosen, int64_t contender, const double *weight,
                  const double *plain, double (*right)[LANES], double (*judged)[LANES], Scratch *scratch) {
    const int64_t row = records->contenders[contender], at = contender * records->area_count + chosen->area;
    const uint64_t inside = (records->in_area[row] >> chosen->area) & 1 ? UINT64_MAX : 0;
    const uint64_t is_true = records->matched[at] & ~records->ignored[at];
    const uint64_t is_false = ~records->matched[at] & inside;
    for (int64_t t = 0; t < chosen->threshold_count; t++) {
        const int64_t bit = chosen->thresholds[t];
        double *counts = (is_true >> bit) & 1 ? right[t] : (is_false >> bit) & 1 ? judged[t] : NULL;
        for (int lane = 0; counts && lane < LANES; lane++) {
            counts[lane] += weight[lane];
        }
        if ((is_true >> bit) & 1) {
            note_true(&scratch->courses[t], right[t], plain, judged[t]);
        }
    }
}

/* Follows one category from its surest detection on. */
static void follow(const Records *records, const Chosen *chosen, int64_t category, Scratch *scratch) {
    double plain[LANES] = {0};
    double right[MAX_THRESHOLDS][LANES], judged[MAX_THRESHOLDS][LANES];
    int64_t row = records->edges[category];
    for (int64_t t = 0; t < chosen->threshold_count; t++) {
        scratch->courses[t].count = 0;
        memset(right[t], 0, sizeof right[t]);
        memset(judged[t], 0, sizeof judged[t]);
    }
    for (int64_t contender = records->contender_edges[category]; contender < records->contender_edges[category + 1];
         contender++) {
        for (; row < records->contenders[contender]; row++) {
            if ((records->in_area[row] >> chosen->area) & 1) {
                const double *weight = scratch->weights[records->images[row]];
                for (int lane = 0; lane < LANES; lane++) {
                    plain[lane] += weight[lane];
                }
            }
        }
        judge(records, chosen, contender, scratch->weights[records->images[row]], plain, right, judged, scratch);
        row++;
    }
}

/* The best precision at the same or a higher recall. */
static void raise_to_envelope(Course *course) {
    for (int64_t i = course->count - 1; i > 0; i--) {
        const double *after = course->precision[i];
        double *before = course->precision[i - 1];
        for (int lane = 0; lane < LANES; lane++) {
            before[lane] = after[lane] > before[lane] ? after[lane] : before[lane];
        }
    }
}

/* Precision at each recall for one draw, a value a stride. */
static void write_line(const Course *course, const Chosen *chosen, int lane, double objects, int64_t stride,
                       double *out) {
    int64_t place = 0;
    for (int64_t r = 0; r < chosen->recall_count; r++) {
        while (place < course->count && course->right[place][lane] / objects < chosen->recalls[r]) {
            place++;
        }
        out[r * stride] = place < course->count ? course->precision[place][lane] : 0.0;
    }
}

static void write_nothing(const Chosen *chosen, int64_t stride, double *out) {
    for (int64_t r = 0; r < chosen->recall_count; r++) {
        out[r * stride] = -1.0;
    }
}

/* One category of a few draws; precision is (draws, T, R, K). */
static void write_category(const Records *records, const Chosen *chosen, int64_t category, int64_t draws,
                           Scratch *scratch, double *precision) {
    const int64_t stride = records->category_count, recalls = chosen->recall_count;
    double objects[LANES] = {0};
    count_objects(records, chosen, category, scratch, objects);
    follow(records, chosen, category, scratch);
    for (int64_t t = 0; t < chosen->threshold_count; t++) {
        raise_to_envelope(&scratch->courses[t]);
        for (int lane = 0; lane < draws; lane++) {
            double *out = precision + ((lane * chosen->threshold_count + t) * recalls) * stride + category;
            if (objects[lane] > 0) {
                write_line(&scratch->courses[t], chosen, lane, objects[lane], stride, out);
            } else {
                write_nothing(chosen, stride, out);
            }
        }
    }
}

static int take_scratch(const Records *records, const Chosen *chosen, Scratch *scratch) {
    const int64_t most = largest_step(records->contender_edges, records->category_count);
    const size_t places = (size_t)most * (size_t)chosen->threshold_count;
    scratch->values = malloc(sizeof(double) * LANES * (2 * places + 1));
    scratch->weights = malloc(sizeof(double) * LANES * (size_t)(chosen->image_count + 1));
    if (!scratch->values || !scratch->weights) {
        return RFPERF_NO_MEMORY;
    }
    for (int64_t t = 0; t < chosen->threshold_count; t++) {
        double *values = scratch->values + 2 * most * LANES * t;
        scratch->courses[t] = (Course){(double(*)[LANES])values, (double(*)[LANES])(values + most * LANES), 0};
    }
    return RFPERF_OK;
}

/* Interpolated precision of each draw, (B, T, R, K); -1 for a category of which the draw holds no object. */
RFPERF_API int rfperf_weighted_precision(const Records *records, const Chosen *chosen, int64_t draws,
                                         const int32_t *weights, double *precision) {
    Scratch scratch;
    const int status = take_scratch(records, chosen, &scratch);
    const int64_t size = chosen->threshold_count * chosen->recall_count * records->category_count;
    for (int64_t begin = 0; status == RFPERF_OK && begin < draws; begin += LANES) {
        const int64_t together = draws - begin < LANES ? draws - begin : LANES;
        load_weights(weights + begin * chosen->image_count, together, chosen->image_count, scratch.weights);
        for (int64_t k = 0; k < records->category_count; k++) {
            write_category(records, chosen, k, together, &scratch, precision + begin * size);
        }
    }
    free(scratch.values);
    free(scratch.weights);
    return status;
}
