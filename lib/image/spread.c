/* SPDX-License-Identifier: BSD-2-Clause
 * What the network's answer misses at the hints, spread over what is alike: a Gaussian process on its errors. */
#include "image/image.h"

#include <math.h>
#include <string.h>

/* The scales on which two cells are alike: place as a share of the short side, L, and a, b of the network's answer. */
#define ALIKE_PLACE  0.6f
#define ALIKE_LIGHT  30.0f
#define ALIKE_CHROMA 20.0f
/* Variance of a hint against that of what the network misses: hints that contradict each other are evened out. */
#define HINT_NOISE 0.005

/** Centres of all hints together: the matrix between them is what memory goes for. */
#define MOST_CENTRES ((size_t)COLORIZER_MAX_HINTS)
/** Cells between the centres of a stroke, where there are enough: near enough to hold between them. */
#define STROKE_STEP 3.0

typedef struct {
    const cz_color_job *job;
    const float *light;
    float *ab;
    float *coordinate[CZ_SPREAD_AXES]; /* planes of cw x ch cells */
    cz_spread *centre;                 /* [MOST_CENTRES]: of the hints; a stroke has several */
    float *noise;                      /* of each, against 1 */
    size_t centres;
} spread_task;

void cz_place_cell(const cz_grid *g, const float *light, const float *ab, size_t x, size_t y, float *at) {
    const size_t i = y * g->cw + x;
    const float by = 1.0f / (ALIKE_PLACE * (float)cz_min(g->w, g->h)), pixels = (float)(g->cell * g->cell);
    float sum = 0;
    for (size_t v = 0; v < g->cell; v++)
        for (size_t u = 0; u < g->cell; u++) sum += light[(y * g->cell + v) * g->pw + x * g->cell + u];
    at[0] = ((float)x + 0.5f) * (float)g->cell * by;
    at[1] = ((float)y + 0.5f) * (float)g->cell * by;
    at[2] = sum / (pixels * ALIKE_LIGHT);
    at[3] = ab[i] / ALIKE_CHROMA;
    at[4] = ab[(size_t)g->cw * g->ch + i] / ALIKE_CHROMA;
}

static void place_cells(void *context, size_t begin, size_t end, uint32_t slot) {
    const spread_task *t = context;
    const cz_grid *g = &t->job->grid;
    (void)slot;
    for (size_t y = begin; y < end; y++)
        for (size_t x = 0; x < g->cw; x++) {
            float at[CZ_SPREAD_AXES];
            cz_place_cell(g, t->light, t->ab, x, y, at);
            for (size_t k = 0; k < CZ_SPREAD_AXES; k++) t->coordinate[k][y * g->cw + x] = at[k];
        }
}

/** A centre is at the mean of the cells whose middle the spot covers there, or in the cell it lies in; what is to be
 *  spread is the hint's colour less the network's. */
static void place_centre(const spread_task *t, const cz_spot *s, double x, double y, cz_spread *out) {
    const cz_grid *g = &t->job->grid;
    const double cell = g->cell;
    const cz_spot here = {.x = x / cell, .y = y / cell, .rx = s->rx / cell, .ry = s->ry / cell};
    size_t x0, x1, y0, y1, count = 0;
    float sum[CZ_SPREAD_AXES] = {0};
    double along;
    cz_spot_columns(&here, 0, g->cw, &x0, &x1);
    cz_spot_rows(&here, 0, g->ch, &y0, &y1);
    for (size_t v = y0; v < y1; v++)
        for (size_t u = x0; u < x1; u++) {
            if (cz_spot_distance(&here, (double)u + 0.5, (double)v + 0.5, &along) > 1) continue;
            for (size_t k = 0; k < CZ_SPREAD_AXES; k++) sum[k] += t->coordinate[k][v * g->cw + u];
            count++;
        }
    if (count == 0) {
        const size_t at = cz_min((size_t)here.y, g->ch - 1) * g->cw + cz_min((size_t)here.x, g->cw - 1);
        for (size_t k = 0; k < CZ_SPREAD_AXES; k++) sum[k] = t->coordinate[k][at];
        count = 1;
    }
    for (size_t k = 0; k < CZ_SPREAD_AXES; k++) out->at[k] = sum[k] / (float)count;
    out->a = s->a - out->at[3] * ALIKE_CHROMA;
    out->b = s->b - out->at[4] * ALIKE_CHROMA;
}

/** What a later hint covers is gone, as in the network's input. */
static bool covered(const cz_spot *later, size_t count, double x, double y) {
    double along;
    for (size_t i = 0; i < count; i++)
        if (cz_spot_distance(&later[i], x, y, &along) <= 1) return true;
    return false;
}

static double length_of(const cz_spot *s) { return sqrt(s->dx * s->dx + s->dy * s->dy); }

/** Every hint has a centre, and a stroke one more for each `step` of its length. That is at least STROKE_STEP, and as
 *  much as it takes for all strokes to share what MOST_CENTRES leaves. */
static double stroke_step(const cz_spot *spots, size_t count, double cell) {
    double length = 0;
    for (size_t i = 0; i < count; i++) length += length_of(&spots[i]);
    const double least = STROKE_STEP * cell, spare = (double)(MOST_CENTRES - count);
    return spare * least >= length ? least : spare > 0 ? length / spare : length + 1;
}

/** Places the centres of a hint, from end to end, and learns what it will be held at: the network's mean colour there,
 *  moved to the hint's by its weight. */
static void place_hint(spread_task *t, cz_spot *s, size_t later, double step) {
    const size_t first = t->centres, n = cz_min((size_t)(length_of(s) / step), MOST_CENTRES - 1);
    float missing_a = 0, missing_b = 0;
    for (size_t i = 0; i <= n && t->centres < MOST_CENTRES; i++) {
        const double along = n == 0 ? 0.5 : (double)i / (double)n;
        const double x = s->x + along * s->dx, y = s->y + along * s->dy;
        if (covered(s + 1, later, x, y)) continue;
        cz_spread *to = &t->centre[t->centres];
        place_centre(t, s, x, y, to);
        t->noise[t->centres++] = (float)HINT_NOISE + (float)(n + 1) * (1.0f / s->weight - 1.0f);
        missing_a += to->a;
        missing_b += to->b;
    }
    if (t->centres == first) return;
    const float rest = (1.0f - s->weight) / (float)(t->centres - first);
    s->held_a = s->a - rest * missing_a;
    s->held_b = s->b - rest * missing_b;
}

/** How alike the centres are to each other, matrix[i][j] for j <= i, with the noise on the diagonal. */
static void compare_centres(const spread_task *t, float *row, float *matrix) {
    const size_t n = t->centres;
    float *axis[CZ_SPREAD_AXES], *weight = row + CZ_SPREAD_AXES * n, *unused = weight + n;
    for (size_t k = 0; k < CZ_SPREAD_AXES; k++) {
        axis[k] = row + k * n;
        for (size_t i = 0; i < n; i++) axis[k][i] = t->centre[i].at[k];
    }
    for (size_t i = 0; i < n; i++) {
        cz_spread one = t->centre[i];
        one.a = 1;
        memset(weight, 0, 2 * n * sizeof *weight);
        t->job->k->spread(&one, 1, (const float *const *)axis, n, weight, unused);
        for (size_t j = 0; j <= i; j++) matrix[i * n + j] = weight[j] + (j == i ? t->noise[i] : 0.0f);
    }
}

/** Cholesky factorisation in place, then both colours of every centre through it: (K + noise) c = missing. Sums run in
 *  double, from the first centre to the last. The noise keeps every pivot above its half. */
static void solve(float *matrix, size_t n, cz_spread *centre) {
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++) {
            double sum = (double)matrix[i * n + j];
            for (size_t k = 0; k < j; k++) sum -= (double)matrix[i * n + k] * (double)matrix[j * n + k];
            if (j < i)
                matrix[i * n + j] = (float)(sum / (double)matrix[j * n + j]);
            else
                matrix[i * n + i] = (float)sqrt(sum > HINT_NOISE / 2 ? sum : HINT_NOISE / 2);
        }
    for (size_t i = 0; i < n; i++) {
        double a = (double)centre[i].a, b = (double)centre[i].b;
        for (size_t k = 0; k < i; k++) {
            a -= (double)matrix[i * n + k] * (double)centre[k].a;
            b -= (double)matrix[i * n + k] * (double)centre[k].b;
        }
        centre[i].a = (float)(a / (double)matrix[i * n + i]);
        centre[i].b = (float)(b / (double)matrix[i * n + i]);
    }
    for (size_t i = n; i-- > 0;) {
        double a = (double)centre[i].a, b = (double)centre[i].b;
        for (size_t k = i + 1; k < n; k++) {
            a -= (double)matrix[k * n + i] * (double)centre[k].a;
            b -= (double)matrix[k * n + i] * (double)centre[k].b;
        }
        centre[i].a = (float)(a / (double)matrix[i * n + i]);
        centre[i].b = (float)(b / (double)matrix[i * n + i]);
    }
}

static void spread_rows(void *context, size_t begin, size_t end, uint32_t slot) {
    const spread_task *t = context;
    const cz_grid *g = &t->job->grid;
    const size_t first = begin * g->cw, cells = (size_t)g->cw * g->ch;
    const float *axis[CZ_SPREAD_AXES];
    (void)slot;
    for (size_t k = 0; k < CZ_SPREAD_AXES; k++) axis[k] = t->coordinate[k] + first;
    t->job->k->spread(t->centre, t->centres, axis, (end - begin) * g->cw, t->ab + first, t->ab + cells + first);
}

size_t cz_spread_work(const cz_grid *g) {
    const size_t n = MOST_CENTRES;
    return CZ_SPREAD_AXES * (size_t)g->cw * g->ch + (CZ_SPREAD_AXES + 3) * n + n * n +
           n * (sizeof(cz_spread) / sizeof(float));
}

bool cz_spread_hints(const cz_color_job *job, const float *light, cz_spot *spots, size_t count, float *ab,
                     float *work) {
    const size_t cells = (size_t)job->grid.cw * job->grid.ch;
    spread_task t = {.job = job, .light = light, .ab = ab};
    if (count == 0) return true;
    for (size_t k = 0; k < CZ_SPREAD_AXES; k++, work += cells) t.coordinate[k] = work;
    t.centre = (cz_spread *)(void *)work;
    t.noise = work + MOST_CENTRES * (sizeof(cz_spread) / sizeof(float));
    work = t.noise + MOST_CENTRES;
    if (!cz_exec_for(job->exec, job->grid.ch, 0, place_cells, &t)) return false;
    const double step = stroke_step(spots, count, job->grid.cell);
    for (size_t i = 0; i < count; i++) place_hint(&t, &spots[i], count - i - 1, step);
    compare_centres(&t, work, work + (CZ_SPREAD_AXES + 2) * t.centres);
    solve(work + (CZ_SPREAD_AXES + 2) * t.centres, t.centres, t.centre);
    return cz_exec_for(job->exec, job->grid.ch, 0, spread_rows, &t);
}
