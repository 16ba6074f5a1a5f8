/* Precision and recall from match records: cocoeval.py, COCOeval.accumulate.
 *
 * Precision can only rise at a true positive, so the envelope and the search for recall thresholds visit these alone.
 * Tensors are written class by class, (K, A, M, T, R); the caller shows them as COCO's (T, R, K, A, M). They are large,
 * so lower limits on detections may be left out of all but the recall, and the scores altogether.
 */
#include "kernels.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_THRESHOLDS = 64, MAX_AREAS = 64, LANES = 4, LANE_ROOM = 65535 };

typedef struct {
    int64_t limit_count;
    const int64_t *limits; /* (M) ascending: the surest detections of an image and category that take part */
    int64_t recall_only;   /* the first limits, of which only the recall is written; N = M less these */
    int64_t recall_count;
    const double *recalls; /* (R) ascending */
} Axes;

typedef struct {
    double *precision; /* (K, A, N, T, R) */
    double *scores;    /* (K, A, N, T, R) or NULL */
    double *recall;    /* (K, A, M, T) */
} Tensors;

/* The true positives of one curve at one threshold, surest first: the false ones before each, which become its
 * precision, and the row of its score. */
typedef struct {
    double *precision;
    int64_t *rows;
    int64_t count;
} Course;

typedef struct {
    Course courses[MAX_THRESHOLDS];
    double *precision;
    int64_t *rows;
    int64_t *plain;  /* (C, A) false positives before each contender, of those that overlap no object */
    int64_t *needed; /* (R) true positives from which a recall is reached */
    int64_t objects[MAX_AREAS];
} Scratch;

/* One curve: a category, an area range and a limit on detections. */
typedef struct {
    int64_t category;
    int64_t area;
    int64_t most;
    int64_t objects;
} Curve;

static int64_t count_objects(const Records *records, int64_t category, int64_t area) {
    int64_t count = 0;
    for (int64_t object = records->object_edges[category]; object < records->object_edges[category + 1]; object++) {
        count += (int64_t)((records->counting[object] >> area) & 1);
    }
    return count;
}

/* How many true positives each recall threshold takes: the least count for which count / objects >= recall. */
static void count_needed(const Axes *axes, int64_t objects, int64_t *needed) {
    int64_t count = 0;
    for (int64_t r = 0; r < axes->recall_count; r++) {
        while (count <= objects && (double)count / (double)objects < axes->recalls[r]) {
            count++;
        }
        needed[r] = count;
    }
}

/* Bits 0 to 3 in four lanes of 16 bits each. */
static uint64_t spread(uint64_t bits) {
    return (bits | bits << 15 | bits << 30 | bits << 45) & 0x0001000100010001;
}

/* Adds the rows that take part to the count of every area range that holds them. */
static void count_rows(const Records *records, int64_t first, int64_t last, int64_t most, int64_t *counts) {
    for (int64_t begin = first; begin < last; begin += LANE_ROOM) {
        const int64_t end = begin + LANE_ROOM < last ? begin + LANE_ROOM : last;
        for (int64_t a = 0; a < records->area_count; a += LANES) {
            uint64_t sums = 0;
            for (int64_t row = begin; row < end; row++) {
                sums += spread((records->ranks[row] < most ? records->in_area[row] >> a : 0) & 15);
            }
            for (int64_t lane = 0; lane < LANES; lane++) {
                counts[a + lane] += (int64_t)(sums >> (16 * lane) & 0xffff);
            }
        }
    }
}

/* False positives without any object near, in each area range, counted up to every contender of a category. */
static void count_plain(const Records *records, int64_t category, int64_t most, int64_t *plain) {
    const int64_t first = records->contender_edges[category], last = records->contender_edges[category + 1];
    int64_t counts[MAX_AREAS] = {0};
    int64_t row = records->edges[category];
    for (int64_t contender = first; contender < last; contender++) {
        count_rows(records, row, records->contenders[contender], most, counts);
        memcpy(plain + (contender - first) * records->area_count, counts,
               sizeof(int64_t) * (size_t)records->area_count);
        row = records->contenders[contender] + 1; /* the contender itself is judged by threshold */
    }
}

/* Notes the false positives before each true one of a curve, for every threshold. */
static void follow(const Records *records, const Curve *curve, Scratch *scratch) {
    const int64_t first = records->contender_edges[curve->category], areas = records->area_count;
    const int64_t last = records->contender_edges[curve->category + 1];
    int64_t judged_false[MAX_THRESHOLDS] = {0};
    for (int64_t t = 0; t < records->threshold_count; t++) {
        scratch->courses[t].count = 0;
    }
    for (int64_t contender = first; contender < last; contender++) {
        const int64_t row = records->contenders[contender], at = contender * areas + curve->area;
        const uint64_t is_true = records->matched[at] & ~records->ignored[at];
        const uint64_t is_false = (records->in_area[row] >> curve->area) & 1 ? ~records->matched[at] : 0;
        if (records->ranks[row] >= curve->most || !(is_true | is_false)) {
            continue;
        }
        const int64_t plain = scratch->plain[(contender - first) * areas + curve->area];
        for (int64_t t = 0; t < records->threshold_count; t++) {
            Course *course = &scratch->courses[t];
            judged_false[t] += (int64_t)((is_false >> t) & 1);
            /* Written in any case and kept only if true: which is true is hard to predict. */
            course->precision[course->count] = (double)(plain + judged_false[t]);
            course->rows[course->count] = row;
            course->count += (int64_t)((is_true >> t) & 1);
        }
    }
}

/* From false positives to precision: true / (false + true + eps). */
static void become_precision(Course *course) {
    for (int64_t i = 0; i < course->count; i++) {
        const double right = (double)(i + 1);
        course->precision[i] = right / (course->precision[i] + right + DBL_EPSILON);
    }
}

/* The best precision at the same or a higher recall. */
static void raise_to_envelope(Course *course) {
    for (int64_t i = course->count - 1; i > 0; i--) {
        if (course->precision[i] > course->precision[i - 1]) {
            course->precision[i - 1] = course->precision[i];
        }
    }
}

static void fill(double *values, int64_t count, double value) {
    for (int64_t i = 0; i < count; i++) {
        values[i] = value;
    }
}

/* Writes precision and, unless NULL, scores at each recall threshold. */
static void write_line(const Records *records, const Axes *axes, const Course *course, const Scratch *scratch,
                       double surest, double *precision, double *scores) {
    int64_t reached = 0;
    while (reached < axes->recall_count && scratch->needed[reached] <= course->count) {
        const int64_t place = scratch->needed[reached] ? scratch->needed[reached] - 1 : 0;
        precision[reached] = course->count ? course->precision[place] : 0.0;
        if (scores) {
            scores[reached] = scratch->needed[reached] ? records->scores[course->rows[place]] : surest;
        }
        reached++;
    }
    fill(precision + reached, axes->recall_count - reached, 0.0);
    if (scores) {
        fill(scores + reached, axes->recall_count - reached, 0.0);
    }
}

/* The score of the first detection that takes part; 0 where there is none. */
static double surest_score(const Records *records, const Curve *curve) {
    for (int64_t row = records->edges[curve->category]; row < records->edges[curve->category + 1]; row++) {
        if (records->ranks[row] < curve->most) {
            return records->scores[row];
        }
    }
    return 0.0;
}

/* One category, area range and limit: recall (T), and precision and scores (T, R) unless NULL. */
static void write_curve(const Records *records, const Axes *axes, const Curve *curve, Scratch *scratch,
                        double *recall, double *precision, double *scores) {
    const int64_t thresholds = records->threshold_count, recalls = axes->recall_count;
    if (!curve->objects) {
        fill(recall, thresholds, -1.0);
        fill(precision, precision ? thresholds * recalls : 0, -1.0);
        fill(scores, scores ? thresholds * recalls : 0, -1.0);
        return;
    }
    const double surest = surest_score(records, curve);
    follow(records, curve, scratch);
    for (int64_t t = 0; t < thresholds; t++) {
        recall[t] = (double)scratch->courses[t].count / (double)curve->objects;
        if (precision) {
            become_precision(&scratch->courses[t]);
            raise_to_envelope(&scratch->courses[t]);
            write_line(records, axes, &scratch->courses[t], scratch, surest, precision + t * recalls,
                       scores ? scores + t * recalls : NULL);
        }
    }
}

static int64_t deepest_rank(const Records *records, int64_t category) {
    int64_t deepest = -1;
    for (int64_t row = records->edges[category]; row < records->edges[category + 1]; row++) {
        deepest = records->ranks[row] > deepest ? records->ranks[row] : deepest;
    }
    return deepest;
}

/* Where the values of one category, area range and limit stand in a tensor of N limits; NULL where they do not. */
static double *place_in(double *tensor, const Records *records, const Axes *axes, int64_t category, int64_t area,
                        int64_t limit) {
    const int64_t limits = axes->limit_count - axes->recall_only;
    const int64_t line = (category * records->area_count + area) * limits + limit - axes->recall_only;
    return tensor && limit >= axes->recall_only ? tensor + line * records->threshold_count * axes->recall_count : NULL;
}

/* One area range of a category, from the lowest limit to the highest. Where a limit lets all detections take part the
 * next ones say the same. */
static void write_limit(const Records *records, const Axes *axes, const Curve *curve, int64_t limit, int same,
                        Scratch *scratch, Tensors *out) {
    const size_t lines = (size_t)records->threshold_count;
    const size_t bytes = sizeof(double) * lines * (size_t)axes->recall_count;
    double *recall = out->recall + ((curve->category * records->area_count + curve->area) * axes->limit_count + limit) *
                                       records->threshold_count;
    double *precision = place_in(out->precision, records, axes, curve->category, curve->area, limit);
    double *scores = place_in(out->scores, records, axes, curve->category, curve->area, limit);
    if (same && limit > axes->recall_only) {
        memcpy(recall, recall - lines, sizeof(double) * lines);
        memcpy(precision, precision - bytes / sizeof(double), bytes);
        if (scores) {
            memcpy(scores, scores - bytes / sizeof(double), bytes);
        }
    } else {
        write_curve(records, axes, curve, scratch, recall, precision, scores);
    }
}

static void write_category(const Records *records, const Axes *axes, int64_t category, Scratch *scratch,
                           Tensors *out) {
    const int64_t deepest = deepest_rank(records, category);
    for (int64_t a = 0; a < records->area_count; a++) {
        scratch->objects[a] = count_objects(records, category, a);
    }
    for (int64_t m = 0; m < axes->limit_count; m++) {
        const int same = m > 0 && deepest < axes->limits[m - 1];
        if (!same) {
            count_plain(records, category, axes->limits[m], scratch->plain);
        }
        for (int64_t a = 0; a < records->area_count; a++) {
            const Curve curve = {category, a, axes->limits[m], scratch->objects[a]};
            count_needed(axes, curve.objects, scratch->needed);
            write_limit(records, axes, &curve, m, same, scratch, out);
        }
    }
}

static int take_scratch(const Records *records, const Axes *axes, Scratch *scratch) {
    const int64_t most = largest_step(records->contender_edges, records->category_count);
    const size_t places = (size_t)most * (size_t)records->threshold_count + 1;
    scratch->precision = malloc(sizeof(double) * places);
    scratch->rows = malloc(sizeof(int64_t) * places);
    scratch->plain = malloc(sizeof(int64_t) * ((size_t)most * (size_t)records->area_count + 1));
    scratch->needed = malloc(sizeof(int64_t) * (size_t)(axes->recall_count + 1));
    if (!scratch->precision || !scratch->rows || !scratch->plain || !scratch->needed) {
        return RFPERF_NO_MEMORY;
    }
    for (int64_t t = 0; t < records->threshold_count; t++) {
        scratch->courses[t] = (Course){scratch->precision + t * most, scratch->rows + t * most, 0};
    }
    return RFPERF_OK;
}

RFPERF_API int rfperf_accumulate(const Records *records, const Axes *axes, Tensors *out) {
    Scratch scratch;
    const int status = take_scratch(records, axes, &scratch);
    for (int64_t k = 0; status == RFPERF_OK && k < records->category_count; k++) {
        write_category(records, axes, k, &scratch, out);
    }
    free(scratch.precision);
    free(scratch.rows);
    free(scratch.plain);
    free(scratch.needed);
    return status;
}

enum { TILE = 16 };

/* Writes chosen rows of a matrix as columns: (count, width) with some stride to (width, count). */
RFPERF_API int rfperf_transpose(const double *matrix, int64_t stride, const int64_t *rows, int64_t count,
                                int64_t width, double *out) {
    for (int64_t row = 0; row < count; row += TILE) {
        const int64_t last = row + TILE < count ? row + TILE : count;
        for (int64_t column = 0; column < width; column++) {
            for (int64_t i = row; i < last; i++) {
                out[column * count + i] = matrix[rows[i] * stride + column];
            }
        }
    }
    return RFPERF_OK;
}
