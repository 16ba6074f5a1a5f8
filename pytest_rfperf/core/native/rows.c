/* Rows of COCO results: JSON text straight into columns.
 *
 * Only plain text is taken: the four keys in any order, and beside them numbers and strings without escapes. Whatever
 * else JSON allows, and whatever is wrong, ends the attempt, and the caller decodes the text by other means. Numbers
 * are rounded to the nearest double, as Python rounds them.
 */
#include "kernels.h"

#include <math.h>
#include <string.h>

enum { MOST_DIGITS = 19, MOST_EXPONENT_DIGITS = 4, EXACT_POWERS = 22, DIVISOR_POWERS = 27 };
enum { IMAGE = 1, CATEGORY = 2, BOX = 4, SCORE = 8, ALL_KEYS = 15, OTHER = 16 };

/* 5^power x 2^shift with the highest bit set, what division by multiplication needs of it, and shift - power. */
typedef struct {
    uint64_t number;
    uint64_t reciprocal;
    int up;
} Divisor;

typedef struct {
    const char *at;
    const char *end;
    Divisor divisors[DIVISOR_POWERS + 1];
} Cursor;

/* digits x 10^scale, less than zero if negative; whole if written without fraction and exponent. */
typedef struct {
    uint64_t digits;
    int64_t scale;
    int negative;
    int whole;
} Decimal;

/* Columns with room for as many rows. */
typedef struct {
    int64_t room;
    int64_t *images;
    int64_t *categories;
    double *boxes; /* (N, 4) */
    double *scores;
} RowColumns;

static int peek(const Cursor *cursor) { return cursor->at < cursor->end ? (unsigned char)*cursor->at : -1; }

static void skip_space(Cursor *cursor) {
    while (cursor->at < cursor->end &&
           (*cursor->at == ' ' || *cursor->at == '\n' || *cursor->at == '\r' || *cursor->at == '\t')) {
        cursor->at++;
    }
}

static int take(Cursor *cursor, int character) {
    if (peek(cursor) != character) {
        return 0;
    }
    cursor->at++;
    return 1;
}

/* A character between blanks. */
static int take_mark(Cursor *cursor, int character) {
    skip_space(cursor);
    if (!take(cursor, character)) {
        return 0;
    }
    skip_space(cursor);
    return 1;
}

/* Appends a run of digits to a number, which wraps where there are too many; returns how many there were. */
static int64_t take_digits(Cursor *cursor, uint64_t *digits) {
    const char *at = cursor->at;
    uint64_t number = *digits;
    for (; at < cursor->end; at++) {
        const unsigned digit = (unsigned)(unsigned char)*at - '0';
        if (digit > 9) {
            break;
        }
        number = number * 10 + digit;
    }
    const int64_t count = at - cursor->at;
    cursor->at = at;
    *digits = number;
    return count;
}

/* Digits of a number without those zeros that it begins with. */
static int64_t significant(const char *begin, const char *end) {
    while (begin < end && (*begin == '0' || *begin == '.')) {
        begin++;
    }
    return end - begin - (memchr(begin, '.', (size_t)(end - begin)) != NULL);
}

static int take_exponent(Cursor *cursor, Decimal *decimal) {
    uint64_t exponent = 0;
    const int negative = peek(cursor) == '-';
    if (negative || peek(cursor) == '+') {
        cursor->at++;
    }
    const int64_t count = take_digits(cursor, &exponent);
    if (count < 1 || count > MOST_EXPONENT_DIGITS) {
        return 0;
    }
    decimal->scale += negative ? -(int64_t)exponent : (int64_t)exponent;
    return 1;
}

/* A number as JSON writes it: no sign but minus, no leading zero, a digit on either side of the point. */
static int take_decimal(Cursor *cursor, Decimal *decimal) {
    *decimal = (Decimal){0, 0, take(cursor, '-'), 1};
    const char *begin = cursor->at;
    const int64_t before = take_digits(cursor, &decimal->digits);
    if (before < 1 || (before > 1 && *begin == '0')) {
        return 0;
    }
    if (take(cursor, '.')) {
        decimal->scale = -take_digits(cursor, &decimal->digits);
        decimal->whole = 0;
        if (decimal->scale == 0) {
            return 0;
        }
    }
    if (before - decimal->scale > MOST_DIGITS && significant(begin, cursor->at) > MOST_DIGITS) {
        return 0;
    }
    if (take(cursor, 'e') || take(cursor, 'E')) {
        decimal->whole = 0;
        return take_exponent(cursor, decimal);
    }
    return 1;
}

static int take_id(Cursor *cursor, int64_t *id) {
    Decimal decimal;
    if (!take_decimal(cursor, &decimal) || !decimal.whole || decimal.digits > (uint64_t)INT64_MAX) {
        return 0;
    }
    *id = decimal.negative ? -(int64_t)decimal.digits : (int64_t)decimal.digits;
    return 1;
}

#if defined(__SIZEOF_INT128__)
__extension__ typedef unsigned __int128 Wide;

static void prepare(Divisor divisors[DIVISOR_POWERS + 1]) {
    uint64_t five = 1;
    for (int power = 0; power <= DIVISOR_POWERS; power++, five *= 5) {
        const int up = __builtin_clzll(five);
        const uint64_t number = five << up;
        divisors[power] = (Divisor){number, (uint64_t)((((Wide)~number << 64) | UINT64_MAX) / number), up - power};
    }
}

/* digits / 10^power by long division: at least 62 bits of quotient, and the last one set if there is a remainder. What
 * is rounded to 53 bits then lies above, at or below the middle of two doubles exactly where the ratio does.
 *
 * Moller and Granlund (2011), Improved division by invariant integers, IEEE Transactions on Computers 60(2),
 * algorithm 4. */
static int divide(uint64_t digits, const Divisor *by, double *value) {
    const int up = __builtin_clzll(digits);
    const Wide dividend = (Wide)(digits << up) << 63;
    const Wide guess = (Wide)by->reciprocal * (uint64_t)(dividend >> 64) + dividend;
    uint64_t quotient = (uint64_t)(guess >> 64) + 1;
    uint64_t remainder = (uint64_t)dividend - quotient * by->number;
    if (remainder > (uint64_t)guess) {
        quotient--;
        remainder += by->number;
    }
    if (remainder >= by->number) {
        quotient++;
        remainder -= by->number;
    }
    *value = ldexp((double)(quotient | (remainder != 0)), by->up - up - 63);
    return 1;
}
#else
static void prepare(Divisor divisors[DIVISOR_POWERS + 1]) { (void)divisors; }

static int divide(uint64_t digits, const Divisor *by, double *value) {
    (void)digits, (void)by, (void)value;
    return 0;
}
#endif

/* The nearest double. Digits and power of ten are both exact below 2^53 and up to 10^22, and one operation on exact
 * numbers rounds once. */
static int nearest(const Decimal *decimal, const Divisor *divisors, double *value) {
    static const double powers[EXACT_POWERS + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    const uint64_t digits = decimal->digits;
    const int64_t scale = decimal->scale;
    if (digits == 0 || scale == 0) {
        *value = (double)digits;
    } else if (digits <= (uint64_t)1 << 53 && scale >= -EXACT_POWERS && scale <= EXACT_POWERS) {
        *value = scale < 0 ? (double)digits / powers[-scale] : (double)digits * powers[scale];
    } else if (scale > 0 || scale < -DIVISOR_POWERS || !divide(digits, divisors - scale, value)) {
        return 0;
    }
    /* -0.0 is a negative zero, and -0 the integer 0. */
    if (decimal->negative && (digits || !decimal->whole)) {
        *value = -*value;
    }
    return 1;
}

static int take_double(Cursor *cursor, double *value) {
    Decimal decimal;
    return take_decimal(cursor, &decimal) && nearest(&decimal, cursor->divisors, value);
}

static int take_box(Cursor *cursor, double *box) {
    if (!take_mark(cursor, '[')) {
        return 0;
    }
    for (int side = 0; side < 4; side++) {
        if ((side && !take_mark(cursor, ',')) || !take_double(cursor, box + side)) {
            return 0;
        }
    }
    skip_space(cursor);
    return take(cursor, ']');
}

/* A string of printable ASCII without escapes. */
static int take_string(Cursor *cursor, const char **begin, int64_t *length) {
    if (!take(cursor, '"')) {
        return 0;
    }
    *begin = cursor->at;
    for (; cursor->at < cursor->end && *cursor->at != '"'; cursor->at++) {
        if (*cursor->at == '\\' || *cursor->at < 0x20 || *cursor->at > 0x7e) {
            return 0;
        }
    }
    *length = cursor->at - *begin;
    return take(cursor, '"');
}

static int take_key(Cursor *cursor) {
    static const struct {
        const char *text;
        int64_t length;
        int key;
    } keys[] = {{"image_id", 8, IMAGE}, {"category_id", 11, CATEGORY}, {"bbox", 4, BOX}, {"score", 5, SCORE}};
    const char *begin;
    int64_t length;
    if (!take_string(cursor, &begin, &length)) {
        return 0;
    }
    for (int i = 0; i < 4; i++) {
        if (keys[i].length == length && memcmp(begin, keys[i].text, (size_t)length) == 0) {
            return keys[i].key;
        }
    }
    return OTHER;
}

static int take_value(Cursor *cursor, int key, const RowColumns *columns, int64_t row) {
    const char *begin;
    int64_t length;
    Decimal decimal;
    switch (key) {
        case IMAGE:
            return take_id(cursor, columns->images + row);
        case CATEGORY:
            return take_id(cursor, columns->categories + row);
        case BOX:
            return take_box(cursor, columns->boxes + 4 * row);
        case SCORE:
            return take_double(cursor, columns->scores + row);
        case OTHER:
            return peek(cursor) == '"' ? take_string(cursor, &begin, &length) : take_decimal(cursor, &decimal);
        default:
            return 0;
    }
}

static int take_row(Cursor *cursor, const RowColumns *columns, int64_t row) {
    int seen = 0;
    if (row == columns->room || !take(cursor, '{')) {
        return 0;
    }
    do {
        skip_space(cursor);
        const int key = take_key(cursor);
        if (!key || !take_mark(cursor, ':') || !take_value(cursor, key, columns, row)) {
            return 0;
        }
        seen |= key;
        skip_space(cursor);
    } while (take(cursor, ','));
    return take(cursor, '}') && (seen & ALL_KEYS) == ALL_KEYS;
}

/* Reads an array of rows. RFPERF_BAD_ROW where the text is not plain; what the columns hold then means nothing. */
RFPERF_API int rfperf_read_rows(const char *text, int64_t length, const RowColumns *columns, int64_t *count) {
    Cursor cursor = {.at = text, .end = text + length};
    int64_t row = 0;
    prepare(cursor.divisors);
    if (!take_mark(&cursor, '[')) {
        return RFPERF_BAD_ROW;
    }
    if (peek(&cursor) != ']') {
        do {
            skip_space(&cursor);
            if (!take_row(&cursor, columns, row)) {
                return RFPERF_BAD_ROW;
            }
            row++;
            skip_space(&cursor);
        } while (take(&cursor, ','));
    }
    if (!take_mark(&cursor, ']') || cursor.at != cursor.end) {
        return RFPERF_BAD_ROW;
    }
    *count = row;
    return RFPERF_OK;
}
