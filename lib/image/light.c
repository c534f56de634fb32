/* SPDX-License-Identifier: BSD-2-Clause
 * Lightness at working size. */
#include "image/image.h"

#include <string.h>

/* ---------------------------------------------------------------- area average */

/** The source pixels under one working pixel: first .. first + count - 1, wholly covered but for the ends. */
typedef struct {
    size_t first, count;
    double head, tail, all; /* cover of the first, the last (head where they are one), and of all together */
} span;

/** Pixel i of n lies over i N / n .. (i + 1) N / n of N source pixels. Where that is less than a pixel it is widened
 *  to one about its centre, which interpolates linearly; what would lie outside is left out. */
static span footprint(size_t i, size_t n, size_t source) {
    double low = (double)(i * source) / (double)n, high = (double)((i + 1) * source) / (double)n;
    if (source < n) {
        const double middle = 0.5 * (low + high);
        low = middle > 0.5 ? middle - 0.5 : 0;
        high = middle + 0.5;
    }
    if (high > (double)source) high = (double)source;
    span s = {.first = (size_t)low, .all = high - low};
    size_t last = (size_t)high;
    if (last > s.first && high - (double)last < 1e-6) last--; /* ends on a pixel's edge, or within a rounding of it */
    s.count = last - s.first + 1;
    s.head = s.count == 1 ? s.all : (double)(s.first + 1) - low;
    s.tail = s.count == 1 ? s.all : high - (double)last;
    return s;
}

static double cover(const span *s, size_t k) { return k == 0 ? s->head : k == s->count - 1 ? s->tail : 1.0; }

size_t cz_lightness_scratch(const cz_grid *g) {
    const size_t bytes = (2 * (size_t)g->width + g->w) * sizeof(float); /* sides are at most 65535 */
    return (bytes + CZ_ALIGN - 1) & ~(size_t)(CZ_ALIGN - 1);
}

/** Sums each footprint of a row of columns' sums, left to right. */
static void across(const float *columns, size_t width, float *out, size_t w) {
    for (size_t x = 0; x < w; x++) {
        const span s = footprint(x, w, width);
        const float part = (float)(1.0 / s.all);
        float sum = columns[s.first] * (float)s.head;
        for (size_t k = 1; k < s.count; k++) sum += columns[s.first + k] * (k == s.count - 1 ? (float)s.tail : 1.0f);
        out[x] = sum * part;
    }
}

/** Luminance as the network may see it: what is beyond white or below black in one pixel does not reach its
 *  neighbours through the means. */
static void read_row(const cz_color_job *job, const cz_pixels *src, size_t y, float *row) {
    const size_t width = job->grid.width;
    cz_read_luminance(job, src, 0, y, width, row);
    if (src->kind == CZ_KIND_PIXELS && (src->px.sample == CZ_SAMPLE_U8 || src->px.sample == CZ_SAMPLE_U16)) return;
    for (size_t x = 0; x < width; x++) row[x] = row[x] > 0 ? (row[x] < 1 ? row[x] : 1.0f) : 0.0f;
}

void cz_lightness_rows(const cz_color_job *job, const cz_pixels *src, float *light, size_t begin, size_t end,
                       void *scratch) {
    const cz_grid *g = &job->grid;
    float *row = scratch;
    float *sum = row + g->width, *mean = sum + g->width;
    size_t held = SIZE_MAX; /* the source row that `row` holds: neighbours share one */
    for (size_t y = begin; y < end; y++) {
        const span s = footprint(y, g->h, g->height);
        memset(sum, 0, g->width * sizeof *sum);
        for (size_t i = 0; i < s.count; i++) {
            if (held != s.first + i) read_row(job, src, s.first + i, row);
            held = s.first + i;
            job->k->accumulate(row, (float)(cover(&s, i) / s.all), g->width, sum);
        }
        across(sum, g->width, mean, g->w);
        float *out = light + y * g->pw;
        job->k->lightness(mean, g->w, out);
        for (size_t x = g->w; x < g->pw; x++) out[x] = out[g->w - 1];
    }
}

void cz_lightness_pad(const cz_grid *g, float *light) {
    for (size_t y = g->h; y < g->ph; y++)
        memcpy(light + y * g->pw, light + (size_t)(g->h - 1) * g->pw, g->pw * sizeof *light);
}
