/* Exact greedy non-maximum suppression: core/nms.py says what it means.
 *
 * Boxes are ordered once and bucketed by class. Each is tested only against boxes of its class that are kept; in a
 * large class a grid over the centres of the kept ones leaves out those that lie too far away to overlap enough.
 */
#include "kernels.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LANES = 8, LARGE = 96 };
static const double LOWEST_PRUNED = 0.05; /* below this threshold overlap says little about distance */
static const double LARGEST = 1e150;      /* areas of larger boxes would overflow */

typedef struct {
    double x1, y1, x2, y2, area;
} Box;

/* Kept boxes of one class, a column a coordinate. */
typedef struct {
    double *x1, *y1, *x2, *y2, *area;
    int64_t count;
} Kept;

/* Kept boxes by the cell of their centre: lists of places that begin in head and go on in next; -1 ends one. */
typedef struct {
    double left, top;                  /* of the least centre */
    double columns_per_px, rows_per_px;
    int64_t columns, rows;
    double reach;                      /* how far a centre may lie away, in widths or heights of the tested box */
    int64_t *head;
    int64_t *next;
} Grid;

typedef struct {
    uint64_t *keys, *words, *spare;
    Box *boxes;      /* by class, then by score */
    double *columns; /* of the kept boxes of one class */
    uint8_t *alive;  /* by class, then by score */
    uint8_t *stays;  /* by score */
    int64_t *head, *next;
} Scratch;

static int is_sound(const double *box) {
    return fabs(box[0]) <= LARGEST && fabs(box[1]) <= LARGEST && fabs(box[2]) <= LARGEST &&
           fabs(box[3]) <= LARGEST && box[2] >= box[0] && box[3] >= box[1];
}

static double larger(double a, double b) { return a > b ? a : b; }
static double smaller(double a, double b) { return a < b ? a : b; }

/* Whether IoU > threshold, in the float expressions of core/boxes.py. */
static int overlaps(const Box *kept, const Box *box, double threshold) {
    const double width = smaller(kept->x2, box->x2) - larger(kept->x1, box->x1);
    const double height = smaller(kept->y2, box->y2) - larger(kept->y1, box->y1);
    const double intersection = larger(width, 0.0) * larger(height, 0.0);
    if (!(intersection > 0.0)) {
        return 0;
    }
    return intersection / (kept->area + box->area - intersection) > threshold;
}

static Box kept_box(const Kept *kept, int64_t place) {
    return (Box){kept->x1[place], kept->y1[place], kept->x2[place], kept->y2[place], kept->area[place]};
}

static int overlaps_kept(const Kept *kept, int64_t place, const Box *box, double threshold) {
    const Box other = kept_box(kept, place);
    return overlaps(&other, box, threshold);
}

/* How far each of a few pairs is over a cut that is a little lower than the threshold: no division, all lanes alike. */
static int may_overlap(const Kept *kept, int64_t first, const Box *box, double cut) {
    double excess[LANES];
    int any = 0;
    for (int lane = 0; lane < LANES; lane++) {
        const int64_t other = first + lane;
        const double width = smaller(kept->x2[other], box->x2) - larger(kept->x1[other], box->x1);
        const double height = smaller(kept->y2[other], box->y2) - larger(kept->y1[other], box->y1);
        const double intersection = larger(width, 0.0) * larger(height, 0.0);
        excess[lane] = intersection - cut * (kept->area[other] + box->area - intersection);
    }
    for (int lane = 0; lane < LANES; lane++) {
        any |= excess[lane] >= 0.0;
    }
    return any;
}

static int is_suppressed(const Kept *kept, const Box *box, double threshold) {
    /* Rounding cannot lift a ratio over the threshold that lies below it by eight units in the last place. */
    const double cut = threshold * (1.0 - 8 * DBL_EPSILON);
    int64_t other = 0;
    for (; other + LANES <= kept->count; other += LANES) {
        if (!may_overlap(kept, other, box, cut)) {
            continue;
        }
        for (int lane = 0; lane < LANES; lane++) {
            if (overlaps_kept(kept, other + lane, box, threshold)) {
                return 1;
            }
        }
    }
    for (; other < kept->count; other++) {
        if (overlaps_kept(kept, other, box, threshold)) {
            return 1;
        }
    }
    return 0;
}

static void keep(Kept *kept, const Box *box) {
    const int64_t place = kept->count++;
    kept->x1[place] = box->x1;
    kept->y1[place] = box->y1;
    kept->x2[place] = box->x2;
    kept->y2[place] = box->y2;
    kept->area[place] = box->area;
}

static void scan(const Box *boxes, int64_t count, double threshold, Kept *kept, uint8_t *alive) {
    for (int64_t i = 0; i < count; i++) {
        alive[i] = !is_suppressed(kept, boxes + i, threshold);
        if (alive[i]) {
            keep(kept, boxes + i);
        }
    }
}

static double centre_x(const Box *box) { return 0.5 * box->x1 + 0.5 * box->x2; }
static double centre_y(const Box *box) { return 0.5 * box->y1 + 0.5 * box->y2; }

static int64_t cell(double position, double least, double cells_per_px, int64_t cells) {
    const double place = (position - least) * cells_per_px;
    return place <= 0 ? 0 : place >= (double)cells - 1 ? cells - 1 : (int64_t)place;
}

/* How many cells an extent is cut into: about as wide as boxes reach, and not many more than there are boxes. */
static int64_t cells_over(double extent, double reach, int64_t count) {
    const double most = 2.0 * sqrt((double)count);
    const double cells = reach > 0 ? extent / reach : most;
    return cells < 1 ? 1 : cells > most ? (int64_t)most : (int64_t)cells;
}

/* Lays out the grid; returns 0 where a figure overflows, so that a scan must do. */
static int lay_out(const Box *boxes, int64_t count, double threshold, Grid *grid) {
    double left = centre_x(boxes), right = left, top = centre_y(boxes), bottom = top, width = 0, height = 0;
    for (int64_t i = 0; i < count; i++) {
        const double x = centre_x(boxes + i), y = centre_y(boxes + i);
        left = smaller(left, x);
        right = larger(right, x);
        top = smaller(top, y);
        bottom = larger(bottom, y);
        width += (boxes[i].x2 - boxes[i].x1) / (double)count;
        height += (boxes[i].y2 - boxes[i].y1) / (double)count;
    }
    grid->reach = 0.5 * (1.0 / threshold - 1.0) * (1.0 + 1e-9);
    grid->left = left;
    grid->top = top;
    grid->columns = cells_over(right - left, grid->reach * width, count);
    grid->rows = cells_over(bottom - top, grid->reach * height, count);
    grid->columns_per_px = right > left ? (double)grid->columns / (right - left) : 0.0;
    grid->rows_per_px = bottom > top ? (double)grid->rows / (bottom - top) : 0.0;
    return isfinite(grid->columns_per_px) && isfinite(grid->rows_per_px) && isfinite(grid->reach);
}

/* How far from its centre a box looks.
 *
 * From IoU > t follows, for either side, |left - left'| + |right - right'| < (1/t - 1) w, hence centres less than half
 * of that apart. The last term covers the rounding of coordinates.
 */
static double looks(double from, double to, const Grid *grid, double threshold) {
    const double side = to - from;
    return grid->reach * side + 8 * DBL_EPSILON * (larger(fabs(from), fabs(to)) + side / threshold);
}

static int is_suppressed_nearby(const Box *boxes, const Grid *grid, const Box *box, double threshold) {
    const double x = centre_x(box), y = centre_y(box);
    const double dx = looks(box->x1, box->x2, grid, threshold), dy = looks(box->y1, box->y2, grid, threshold);
    const int64_t first = cell(x - dx, grid->left, grid->columns_per_px, grid->columns);
    const int64_t last = cell(x + dx, grid->left, grid->columns_per_px, grid->columns);
    const int64_t lowest = cell(y + dy, grid->top, grid->rows_per_px, grid->rows);
    for (int64_t row = cell(y - dy, grid->top, grid->rows_per_px, grid->rows); row <= lowest; row++) {
        for (int64_t column = first; column <= last; column++) {
            for (int64_t i = grid->head[row * grid->columns + column]; i >= 0; i = grid->next[i]) {
                if (overlaps(boxes + i, box, threshold)) {
                    return 1;
                }
            }
        }
    }
    return 0;
}

static void scan_nearby(const Box *boxes, int64_t count, double threshold, Grid *grid, uint8_t *alive) {
    memset(grid->head, -1, sizeof(int64_t) * (size_t)(grid->columns * grid->rows));
    for (int64_t i = 0; i < count; i++) {
        alive[i] = !is_suppressed_nearby(boxes, grid, boxes + i, threshold);
        if (alive[i]) {
            const int64_t column = cell(centre_x(boxes + i), grid->left, grid->columns_per_px, grid->columns);
            const int64_t row = cell(centre_y(boxes + i), grid->top, grid->rows_per_px, grid->rows);
            int64_t *head = grid->head + row * grid->columns + column;
            grid->next[i] = *head;
            *head = i;
        }
    }
}

/* One class, surest first. */
static void suppress_class(const Box *boxes, int64_t count, double threshold, Scratch *scratch, uint8_t *alive) {
    double *columns = scratch->columns;
    Kept kept = {columns, columns + count, columns + 2 * count, columns + 3 * count, columns + 4 * count, 0};
    Grid grid = {.head = scratch->head, .next = scratch->next};
    if (count > LARGE && threshold > LOWEST_PRUNED && lay_out(boxes, count, threshold, &grid)) {
        scan_nearby(boxes, count, threshold, &grid, alive);
    } else {
        scan(boxes, count, threshold, &kept, alive);
    }
}

static Box box_of(const double *corners) {
    return (Box){corners[0], corners[1], corners[2], corners[3],
                 (corners[2] - corners[0]) * (corners[3] - corners[1])};
}

/* Writes rows, surest first. */
static void order_by_score(const double *scores, int64_t count, Scratch *scratch, int64_t *rows) {
    for (int64_t row = 0; row < count; row++) {
        scratch->keys[row] = descending_key(scores[row]);
    }
    order_keys(scratch->keys, count, scratch->words, scratch->spare);
    for (int64_t place = 0; place < count; place++) {
        rows[place] = ordered(scratch->words[place]);
    }
}

/* Words become places in the order of score, grouped by class; without labels all are of one class. */
static void group_by_class(const int64_t *labels, const int64_t *rows, int64_t count, Scratch *scratch) {
    for (int64_t place = 0; place < count; place++) {
        scratch->keys[place] = labels ? (uint64_t)labels[rows[place]] : 0;
        scratch->words[place] = (uint64_t)place;
    }
    if (labels) {
        order_keys(scratch->keys, count, scratch->words, scratch->spare);
    }
}

static void suppress_classes(int64_t count, double threshold, Scratch *scratch) {
    const uint64_t *keys = scratch->keys, *words = scratch->words;
    for (int64_t begin = 0, end; begin < count; begin = end) {
        for (end = begin + 1; end < count && keys[ordered(words[end])] == keys[ordered(words[begin])];) {
            end++;
        }
        suppress_class(scratch->boxes + begin, end - begin, threshold, scratch, scratch->alive + begin);
    }
    for (int64_t i = 0; i < count; i++) {
        scratch->stays[ordered(words[i])] = scratch->alive[i];
    }
}

/* One piece of memory for all: at a hundred boxes asking for it nine times would show. */
static void *take_scratch(int64_t count, Scratch *scratch) {
    const size_t places = (size_t)count + 1;
    const size_t words = 3 + 5 + 4 + 1; /* keys, words, spare; columns; head; next */
    char *memory = malloc(places * (words * sizeof(uint64_t) + sizeof(Box) + 2));
    if (memory) {
        scratch->boxes = (Box *)memory;
        scratch->columns = (double *)(scratch->boxes + places);
        scratch->keys = (uint64_t *)(scratch->columns + 5 * places);
        scratch->words = scratch->keys + places;
        scratch->spare = scratch->words + places;
        scratch->head = (int64_t *)(scratch->spare + places);
        scratch->next = scratch->head + 4 * places;
        scratch->alive = (uint8_t *)(scratch->next + places);
        scratch->stays = scratch->alive + places;
    }
    return memory;
}

/* Writes the rows that are kept, surest first, into room for all, and returns how many. Where the box of a row is not
 * sound that is -1 - row, and without memory INT64_MIN. */
RFPERF_API int64_t rfperf_suppress(int64_t count, const double *boxes, const double *scores, const int64_t *labels,
                                   double threshold, int64_t *kept) {
    Scratch scratch;
    int64_t kept_count = 0;
    for (int64_t row = 0; row < count; row++) {
        if (!is_sound(boxes + 4 * row)) {
            return -1 - row;
        }
    }
    void *memory = count > 0 ? take_scratch(count, &scratch) : NULL;
    if (!memory) {
        return count > 0 ? INT64_MIN : 0;
    }
    order_by_score(scores, count, &scratch, kept);
    group_by_class(labels, kept, count, &scratch);
    for (int64_t i = 0; i < count; i++) {
        scratch.boxes[i] = box_of(boxes + 4 * kept[ordered(scratch.words[i])]);
    }
    suppress_classes(count, threshold, &scratch);
    for (int64_t place = 0; place < count; place++) {
        if (scratch.stays[place]) {
            kept[kept_count++] = kept[place];
        }
    }
    free(memory);
    return kept_count;
}
