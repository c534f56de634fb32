/* SPDX-License-Identifier: BSD-2-Clause
 * A tint gives every lightness one colour: a and b are functions of L. Old prints are uneven, so what departs from that
 * curve but stays on one line of hue (faded, stained, yellowed at the edge) is a tint too, up to a point.
 * docs/command.md says how the numbers here were chosen. */
#include "tint.h"

#include <math.h>
#include <stdlib.h>

#include "space.h"

enum { CELLS_A_SIDE = 128, LEVELS = 24 };

static const double even = 25.0;        /* most contrast in L within a block that is judged; grain makes 15 */
static const double far_off = 8.0;      /* distance in a, b from the tint's curve that grain and JPEG do not make ... */
static const double off_line = 3.0;     /* ... and off the line along which the departures lie, */
static const double far_any_way = 20.0; /* or a distance that no stain has */

typedef struct cell {
    double l, a, b;
} cell;

static double sample_light(const picture *p, size_t index) {
    double v = p->bits == 8    ? ((const uint8_t *)p->pixels)[index] / 255.0
               : p->bits == 16 ? ((const uint16_t *)p->pixels)[index] / 65535.0
                               : (double)((const float *)p->pixels)[index];
    if (!(v > 0.0)) return 0.0; /* NaN too */
    if (v > 1.0) v = 1.0;
    return space_light(&p->space, v);
}

static double lab_f(double t) { return t > 216.0 / 24389.0 ? cbrt(t) : t * (841.0 / 108.0) + 16.0 / 116.0; }

/** CIELAB of the mean light of at most 16 pixels spread over a block: grain and JPEG's colour noise go. False for a
 *  block of edges: the mean of two tones of a print lies off the line of its tones. */
static bool look_at(const picture *p, int x0, int x1, int y0, int y1, cell *out) {
    double rgb[3] = {0.0, 0.0, 0.0}, xyz[3], darkest = 1.0, lightest = 0.0;
    int across = x1 - x0 < 4 ? x1 - x0 : 4, down = y1 - y0 < 4 ? y1 - y0 : 4;
    for (int j = 0; j < down; j++)
        for (int i = 0; i < across; i++) {
            size_t x = (size_t)(x0 + (x1 - x0) * i / across), y = (size_t)(y0 + (y1 - y0) * j / down);
            size_t at = (y * (size_t)p->width + x) * (size_t)p->channels;
            double green = sample_light(p, at + 1); /* most of the luminance */
            darkest = fmin(darkest, green);
            lightest = fmax(lightest, green);
            for (size_t k = 0; k < 3; k++) rgb[k] += sample_light(p, at + k) / (across * down);
        }
    space_xyz(&p->space, rgb, xyz);
    double fx = lab_f(xyz[0]), fy = lab_f(xyz[1]), fz = lab_f(xyz[2]);
    *out = (cell){116.0 * fy - 16.0, 500.0 * (fx - fy), 200.0 * (fy - fz)};
    return 116.0 * (lab_f(lightest) - lab_f(darkest)) <= even;
}

static int compare(const void *one, const void *other) {
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

static double median(double *values, size_t count) {
    qsort(values, count, sizeof *values, compare);
    return values[count / 2];
}

static int level_of(const cell *at) {
    int level = (int)(at->l * LEVELS / 100.0);
    return level < 0 ? 0 : level >= LEVELS ? LEVELS - 1 : level;
}

/** Takes from each cell the tint at its lightness: the median of a and of b there, which a coloured thing that fills
 *  less than half of a level cannot move. */
static void subtract_curve(cell *cells, size_t count, double *scratch) {
    for (int level = 0; level < LEVELS; level++) {
        double a, b;
        size_t n = 0;
        for (size_t i = 0; i < count; i++)
            if (level_of(&cells[i]) == level) scratch[n++] = cells[i].a;
        if (n == 0) continue;
        a = median(scratch, n);
        n = 0;
        for (size_t i = 0; i < count; i++)
            if (level_of(&cells[i]) == level) scratch[n++] = cells[i].b;
        b = median(scratch, n);
        for (size_t i = 0; i < count; i++) {
            if (level_of(&cells[i]) != level) continue;
            cells[i].a -= a;
            cells[i].b -= b;
        }
    }
}

/** The share of cells far from the curve. The line is the principal axis of the departures. */
static double count_unexplained(const cell *cells, size_t count) {
    double aa = 0.0, ab = 0.0, bb = 0.0;
    size_t off = 0;
    for (size_t i = 0; i < count; i++) {
        aa += cells[i].a * cells[i].a;
        ab += cells[i].a * cells[i].b;
        bb += cells[i].b * cells[i].b;
    }
    double angle = 0.5 * atan2(2.0 * ab, aa - bb), c = cos(angle), s = sin(angle);
    for (size_t i = 0; i < count; i++) {
        double distance = hypot(cells[i].a, cells[i].b), across = fabs(cells[i].b * c - cells[i].a * s);
        off += distance > far_any_way || (distance > far_off && across > off_line);
    }
    return count > 0 ? (double)off / (double)count : 0.0;
}

double tint_unexplained(const picture *p) {
    if (p->channels < 3) return 0.0;
    int shorter = p->width < p->height ? p->width : p->height;
    double side = shorter > CELLS_A_SIDE ? (double)shorter / CELLS_A_SIDE : 1.0;
    int across = (int)(p->width / side), down = (int)(p->height / side);
    size_t count = 0;
    cell *cells = malloc((size_t)across * (size_t)down * sizeof *cells);
    double *scratch = malloc((size_t)across * (size_t)down * sizeof *scratch), share = -1.0;
    if (cells != NULL && scratch != NULL) {
        for (int y = 0; y < down; y++)
            for (int x = 0; x < across; x++)
                count += look_at(p, (int)(x * side), (int)((x + 1) * side), (int)(y * side), (int)((y + 1) * side),
                                 &cells[count]);
        subtract_curve(cells, count, scratch);
        share = count_unexplained(cells, count);
    }
    free(cells);
    free(scratch);
    return share;
}
