/* SPDX-License-Identifier: BSD-2-Clause
 * From chroma on its grid to lines over lightness, at working size. */
#include "image/image.h"

#include <string.h>

/* ---------------------------------------------------------------- strength by hue */

/** The diamond angle, in eighths of a turn: exact at their multiples, and needs no arc tangent. */
static float eighths(float a, float b) {
    const float x = a < 0 ? -a : a, y = b < 0 ? -b : b, turn = 2.0f * (y / (x + y));
    return b >= 0 ? (a >= 0 ? turn : 4.0f - turn) : (a < 0 ? 4.0f + turn : 8.0f - turn);
}

float cz_hue_strength(const float *hues, float a, float b) {
    if (a == 0 && b == 0) return 1.0f; /* no hue, and nothing to be stronger */
    const float at = eighths(a, b);
    const size_t first = (size_t)at;
    const float low = hues[first % COLORIZER_HUES], high = hues[(first + 1) % COLORIZER_HUES];
    return low + (at - (float)first) * (high - low);
}

/* ---------------------------------------------------------------- from cells to working pixels */

/** Memory of cz_upsample. Cells here are those that hold working pixels; padding is left out. */
typedef struct {
    const cz_color_job *job;
    const float *light, *ab;
    const cz_touches *touches;
    float *fit;
    unsigned char *scratch;
    size_t w, h, cells_w, cells_h;
    float *cell_light, *cell_a, *cell_b; /* [cells_h][cells_w]: mean L; chroma, later what is missing of it */
    float *a, *b;                        /* [h][w] */
    float *lines;                        /* [4][h][w]: slopes and offsets before they are smoothed */
} upsample_task;

static void cell_counts(const cz_grid *g, size_t *w, size_t *h) {
    *w = cz_ceil_div(g->w, g->cell);
    *h = cz_ceil_div(g->h, g->cell);
}

size_t cz_upsample_work(const cz_grid *g) {
    size_t cw, ch;
    cell_counts(g, &cw, &ch);
    return 3 * cw * ch + 6 * (size_t)g->w * g->h;
}

/** Floats of a row of cells spread out to pixels. */
static size_t spread_row(const cz_grid *g) { return g->w + 4 * (size_t)g->cell + 16; }

size_t cz_upsample_scratch(const cz_grid *g) {
    const size_t floats = cz_max(cz_fit_scratch(g->w), 12 * spread_row(g));
    return (floats * sizeof(float) + CZ_ALIGN - 1) & ~(size_t)(CZ_ALIGN - 1);
}

size_t cz_fit_size(const cz_grid *g) { return 4 * (size_t)g->w * g->h; }

/** Mean of the working pixels of a cell, row by row. */
static float cell_mean(const upsample_task *t, const float *plane, size_t stride, size_t cx, size_t cy) {
    const size_t cell = t->job->grid.cell, x0 = cx * cell, y0 = cy * cell;
    const size_t x1 = cz_min(x0 + cell, t->w), y1 = cz_min(y0 + cell, t->h);
    float sum = 0;
    for (size_t y = y0; y < y1; y++)
        for (size_t x = x0; x < x1; x++) sum += plane[y * stride + x];
    return sum / (float)((x1 - x0) * (y1 - y0));
}

static void take_cells(void *context, size_t begin, size_t end, uint32_t slot) {
    const upsample_task *t = context;
    const cz_grid *g = &t->job->grid;
    (void)slot;
    for (size_t y = begin; y < end; y++)
        for (size_t x = 0; x < t->cells_w; x++) {
            const size_t to = y * t->cells_w + x, from = y * g->cw + x;
            t->cell_light[to] = cell_mean(t, t->light, g->pw, x, y);
            const float a = t->ab[from], b = t->ab[(size_t)g->cw * g->ch + from];
            const float strength = cz_hue_strength(t->touches->hues, a, b);
            t->cell_a[to] = strength * a;
            t->cell_b[to] = strength * b;
        }
}

/** What the cells' chroma has over the mean of the pixels made from it. */
static void take_missing(void *context, size_t begin, size_t end, uint32_t slot) {
    const upsample_task *t = context;
    (void)slot;
    for (size_t y = begin; y < end; y++)
        for (size_t x = 0; x < t->cells_w; x++) {
            const size_t i = y * t->cells_w + x;
            t->cell_a[i] -= cell_mean(t, t->a, t->w, x, y);
            t->cell_b[i] -= cell_mean(t, t->b, t->w, x, y);
        }
}

/** Spreads a row of cells out to pixels, as cz_chroma_rows wants it: pixel x gets cell at - 2, held in the row, with
 *  at = floor((x + 0.5) / cell + 0.5) = (x + shift) / cell, which stays for `cell` pixels. */
static void spread_out(const float *cells, size_t count, size_t cell, size_t length, float *to) {
    const size_t shift = cell - cell / 2;
    size_t x = 0;
    for (size_t at = shift / cell; x < length; at++) {
        const float value = cells[cz_min(at < 2 ? 0 : at - 2, count - 1)];
        for (const size_t end = cz_min((at + 1) * cell - shift, length); x < end; x++) to[x] = value;
    }
}

/** Spreads the four rows of cells from row0 on (which may be outside) into `space`. */
static void spread_rows(const upsample_task *t, int64_t row0, float *space, cz_chroma_rows *rows) {
    const size_t length = spread_row(&t->job->grid), cell = t->job->grid.cell;
    const float *const planes[3] = {t->cell_light, t->cell_a, t->cell_b};
    const float **const to[3] = {rows->light, rows->a, rows->b};
    for (size_t j = 0; j < 4; j++) {
        const int64_t r = row0 + (int64_t)j, last = (int64_t)t->cells_h - 1;
        const size_t row = (size_t)(r < 0 ? 0 : r > last ? last : r) * t->cells_w;
        for (size_t k = 0; k < 3; k++, space += length) {
            spread_out(planes[k] + row, t->cells_w, cell, length, space);
            to[k][j] = space;
        }
    }
}

static void add_chroma(void *context, size_t begin, size_t end, uint32_t slot) {
    const upsample_task *t = context;
    const cz_grid *g = &t->job->grid;
    cz_chroma_rows rows = {.cell = g->cell};
    int64_t held = -3; /* the first row of cells that is spread; none begins at -3 */
    for (size_t y = begin; y < end; y++) {
        const float row = ((float)y + 0.5f) / (float)g->cell - 0.5f;
        const int64_t row0 = (int64_t)(row + 1.0f) - 2; /* floor(row) - 1: row >= -0.5 */
        if (row0 != held) spread_rows(t, row0, (float *)(void *)(t->scratch + slot * cz_upsample_scratch(g)), &rows);
        held = row0;
        for (int64_t j = 0; j < 4; j++) rows.distance[j] = (float)(row0 + j) - row;
        t->job->k->bilateral(&rows, t->light + y * g->pw, t->w, t->a + y * t->w, t->b + y * t->w);
    }
}

/** Row `y` and its neighbours in a plane, repeating the first and last row. */
static void neighbours(const float *plane, size_t stride, size_t h, size_t y, const float **rows) {
    for (size_t j = 0; j < CZ_FIT_ROWS; j++) {
        const size_t at = y + j;
        const size_t r = at < CZ_FIT_RADIUS ? 0 : cz_min(at - CZ_FIT_RADIUS, h - 1);
        rows[j] = plane + r * stride;
    }
}

static void fit_rows(void *context, size_t begin, size_t end, uint32_t slot) {
    const upsample_task *t = context;
    float *scratch = (float *)(void *)(t->scratch + slot * cz_upsample_scratch(&t->job->grid));
    for (size_t y = begin; y < end; y++) {
        const float *light[CZ_FIT_ROWS], *a[CZ_FIT_ROWS], *b[CZ_FIT_ROWS];
        float *out[4];
        neighbours(t->light, t->job->grid.pw, t->h, y, light);
        neighbours(t->a, t->w, t->h, y, a);
        neighbours(t->b, t->w, t->h, y, b);
        for (size_t j = 0; j < 4; j++) out[j] = t->lines + (j * t->h + y) * t->w;
        t->job->k->fit(light, a, b, t->w, scratch, out);
    }
}

static void smooth_rows(void *context, size_t begin, size_t end, uint32_t slot) {
    const upsample_task *t = context;
    float *scratch = (float *)(void *)(t->scratch + slot * cz_upsample_scratch(&t->job->grid));
    for (size_t y = begin; y < end; y++) {
        float *out[4];
        for (size_t j = 0; j < 4; j++) {
            const float *rows[CZ_FIT_ROWS];
            out[j] = t->fit + (j * t->h + y) * t->w;
            neighbours(t->lines + j * t->h * t->w, t->w, t->h, y, rows);
            t->job->k->smooth(rows, t->w, scratch, out[j]);
        }
        cz_hold_row(t->job, t->light, t->touches->spots, t->touches->n_spots, t->touches->hues, y, out);
    }
}

bool cz_upsample(const cz_color_job *job, const float *light, const float *ab, const cz_touches *touches, float *fit,
                 float *work, void *scratch) {
    upsample_task t = {.job = job, .light = light, .ab = ab, .touches = touches, .fit = fit, .scratch = scratch};
    cell_counts(&job->grid, &t.cells_w, &t.cells_h);
    t.w = job->grid.w;
    t.h = job->grid.h;
    const size_t cells = t.cells_w * t.cells_h, pixels = t.w * t.h;
    t.cell_light = work;
    t.cell_a = t.cell_light + cells;
    t.cell_b = t.cell_a + cells;
    t.a = t.cell_b + cells;
    t.b = t.a + pixels;
    t.lines = t.b + pixels;
    memset(t.a, 0, 2 * pixels * sizeof *t.a);
    return cz_exec_for(job->exec, t.cells_h, 0, take_cells, &t) && cz_exec_for(job->exec, t.h, 0, add_chroma, &t) &&
           cz_exec_for(job->exec, t.cells_h, 0, take_missing, &t) && cz_exec_for(job->exec, t.h, 0, add_chroma, &t) &&
           cz_exec_for(job->exec, t.h, 0, fit_rows, &t) && cz_exec_for(job->exec, t.h, 0, smooth_rows, &t);
}
