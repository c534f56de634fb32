/* SPDX-License-Identifier: BSD-2-Clause
 * Colour hints: into the network's input, and, where its answer differs from them, into its answer. */
#include "image/image.h"

#include <math.h>
#include <string.h>

/** CIELAB a and b of an sRGB colour. */
static void hint_chroma(const cz_color_job *job, const colorizer_hint *hint, float *a, float *b) {
    static const cz_layout_px gray = {.sample = CZ_SAMPLE_F32, .channels = 1};
    const float rgb[3] = {hint->red, hint->green, hint->blue};
    float c[3], l[3];
    job->k->luminance(job->tables, gray, rgb, 3, c);
    /* X, Y, Z relative to white: IEC 61966-2-1's matrix, each row over its sum */
    const float xyz[3] = {c[0] * 0.43387691f + c[1] * 0.37622304f + c[2] * 0.18990005f,
                          c[0] * 0.2126f + c[1] * 0.7152f + c[2] * 0.0722f,
                          c[0] * 0.01772268f + c[1] * 0.10945822f + c[2] * 0.8728191f};
    job->k->lightness(xyz, 3, l); /* 116 f - 16 of each */
    *a = (l[0] - l[1]) * (500.0f / 116.0f);
    *b = (l[1] - l[2]) * (200.0f / 116.0f);
}

/** First and one past the last pixel whose centre may lie within `radius` of `centre`. */
static void reach(double centre, double radius, size_t n, size_t *begin, size_t *end) {
    const double low = centre - radius - 0.5, high = centre + radius + 0.5;
    *begin = low > 0 ? (size_t)low : 0;
    *end = high < (double)n ? (size_t)high + 1 : n;
    if (*end > n) *end = n;
}

/** Half the side of the smallest spot, in working pixels: about 3 x 3. */
#define SMALLEST_SPOT 1.5

/** A hint on the working image: an ellipse and its colour. */
typedef struct {
    double x, y, rx, ry;
    float a, b;
} spot;

/** @return false for a hint whose centre is outside the photograph. */
static bool spot_of(const cz_color_job *job, const colorizer_hint *hint, spot *s) {
    const cz_grid *g = &job->grid;
    const double sx = (double)g->w / g->width, sy = (double)g->h / g->height;
    const double wide = (double)hint->radius * sx, high = (double)hint->radius * sy;
    *s = (spot){.x = (double)hint->x * sx,
                .y = (double)hint->y * sy,
                .rx = wide > SMALLEST_SPOT ? wide : SMALLEST_SPOT,
                .ry = high > SMALLEST_SPOT ? high : SMALLEST_SPOT};
    if (!(s->x >= 0 && s->y >= 0 && s->x < g->w && s->y < g->h)) return false;
    hint_chroma(job, hint, &s->a, &s->b);
    return true;
}

static bool inside(const spot *s, double x, double y) {
    const double u = (x - s->x) / s->rx, v = (y - s->y) / s->ry;
    return u * u + v * v <= 1;
}

/* ---------------------------------------------------------------- into the network */

static void draw_spot(const cz_grid *g, const spot *s, float *input) {
    size_t x0, x1, y0, y1;
    reach(s->x, s->rx, g->w, &x0, &x1);
    reach(s->y, s->ry, g->h, &y0, &y1);
    for (size_t y = y0; y < y1; y++)
        for (size_t x = x0; x < x1; x++) {
            if (!inside(s, (double)x + 0.5, (double)y + 0.5)) continue;
            float *p = input + (y * g->pw + x) * CZ_INPUT_CHANNELS;
            p[CZ_INPUT_A] = s->a / 110.0f;
            p[CZ_INPUT_B] = s->b / 110.0f;
            p[CZ_INPUT_MASK] = 1.0f;
        }
}

void cz_network_input(const cz_color_job *job, const float *light, const colorizer_hint *hints, size_t count,
                      float *input) {
    const size_t pixels = (size_t)job->grid.pw * job->grid.ph;
    for (size_t i = 0; i < pixels; i++) {
        float *p = input + i * CZ_INPUT_CHANNELS;
        p[CZ_INPUT_L] = light[i] / 50.0f - 1.0f;
        p[CZ_INPUT_A] = p[CZ_INPUT_B] = p[CZ_INPUT_MASK] = 0.0f;
    }
    for (size_t i = 0; i < count; i++) {
        spot s;
        if (spot_of(job, &hints[i], &s)) draw_spot(&job->grid, &s, input);
    }
}

/* ---------------------------------------------------------------- into its answer */

/* The scales on which two cells are alike: place as a share of the short side, L, and a, b of the network's answer. */
#define ALIKE_PLACE  0.6f
#define ALIKE_LIGHT  30.0f
#define ALIKE_CHROMA 20.0f
/* Variance of a hint against that of what the network misses: hints that contradict each other are evened out. */
#define HINT_NOISE 0.005

typedef struct {
    const cz_color_job *job;
    const float *light;
    float *ab;
    float *coordinate[CZ_SPREAD_AXES]; /* planes of cw x ch cells */
    cz_spread *hint;                   /* [hints] */
    size_t hints;
} spread_task;

/** A cell lies at its middle; its lightness is the mean of its pixels. */
static void place_cells(void *context, size_t begin, size_t end, uint32_t slot) {
    const spread_task *t = context;
    const cz_grid *g = &t->job->grid;
    const size_t cells = (size_t)g->cw * g->ch;
    const float by = 1.0f / (ALIKE_PLACE * (float)cz_min(g->w, g->h)), pixels = (float)(g->cell * g->cell);
    (void)slot;
    for (size_t y = begin; y < end; y++)
        for (size_t x = 0; x < g->cw; x++) {
            const size_t i = y * g->cw + x;
            float sum = 0;
            for (size_t v = 0; v < g->cell; v++)
                for (size_t u = 0; u < g->cell; u++) sum += t->light[(y * g->cell + v) * g->pw + x * g->cell + u];
            t->coordinate[0][i] = ((float)x + 0.5f) * (float)g->cell * by;
            t->coordinate[1][i] = ((float)y + 0.5f) * (float)g->cell * by;
            t->coordinate[2][i] = sum / (pixels * ALIKE_LIGHT);
            t->coordinate[3][i] = t->ab[i] / ALIKE_CHROMA;
            t->coordinate[4][i] = t->ab[cells + i] / ALIKE_CHROMA;
        }
}

/** The hint's centre is the mean of the cells whose middle it covers, or the cell it lies in; what is to be spread is
 * its colour less the network's there. */
static void place_hint(const spread_task *t, const spot *s, cz_spread *out) {
    const cz_grid *g = &t->job->grid;
    const double cell = g->cell;
    const spot in_cells = {s->x / cell, s->y / cell, s->rx / cell, s->ry / cell, 0, 0};
    size_t x0, x1, y0, y1, count = 0;
    float sum[CZ_SPREAD_AXES] = {0};
    reach(in_cells.x, in_cells.rx, g->cw, &x0, &x1);
    reach(in_cells.y, in_cells.ry, g->ch, &y0, &y1);
    for (size_t y = y0; y < y1; y++)
        for (size_t x = x0; x < x1; x++) {
            if (!inside(&in_cells, (double)x + 0.5, (double)y + 0.5)) continue;
            for (size_t k = 0; k < CZ_SPREAD_AXES; k++) sum[k] += t->coordinate[k][y * g->cw + x];
            count++;
        }
    if (count == 0) {
        const size_t at = (size_t)in_cells.y * g->cw + (size_t)in_cells.x;
        for (size_t k = 0; k < CZ_SPREAD_AXES; k++) sum[k] = t->coordinate[k][at];
        count = 1;
    }
    for (size_t k = 0; k < CZ_SPREAD_AXES; k++) out->at[k] = sum[k] / (float)count;
    out->a = s->a - out->at[3] * ALIKE_CHROMA;
    out->b = s->b - out->at[4] * ALIKE_CHROMA;
}

/** A hint whose centre a later one covers is gone, as in the network's input. */
static bool covered(const cz_color_job *job, const spot *s, const colorizer_hint *later, size_t count) {
    for (size_t i = 0; i < count; i++) {
        spot other;
        if (spot_of(job, &later[i], &other) && inside(&other, s->x, s->y)) return true;
    }
    return false;
}

static void place_hints(spread_task *t, const colorizer_hint *hints, size_t count) {
    for (size_t i = 0; i < count; i++) {
        spot s;
        if (spot_of(t->job, &hints[i], &s) && !covered(t->job, &s, hints + i + 1, count - i - 1))
            place_hint(t, &s, &t->hint[t->hints++]);
    }
}

/** How alike the hints are to each other, matrix[i][j] for j <= i, with the noise on the diagonal. */
static void compare_hints(const spread_task *t, float *row, float *matrix) {
    const size_t n = t->hints;
    float *axis[CZ_SPREAD_AXES], *weight = row + CZ_SPREAD_AXES * n, *unused = weight + n;
    for (size_t k = 0; k < CZ_SPREAD_AXES; k++) {
        axis[k] = row + k * n;
        for (size_t i = 0; i < n; i++) axis[k][i] = t->hint[i].at[k];
    }
    for (size_t i = 0; i < n; i++) {
        cz_spread one = t->hint[i];
        one.a = 1;
        memset(weight, 0, 2 * n * sizeof *weight);
        t->job->k->spread(&one, 1, (const float *const *)axis, n, weight, unused);
        for (size_t j = 0; j <= i; j++) matrix[i * n + j] = weight[j] + (j == i ? (float)HINT_NOISE : 0.0f);
    }
}

/** Cholesky factorisation in place, then both colours of every hint through it: (K + noise) c = missing. Sums run in
 *  double, from the first hint to the last. The noise keeps every pivot above its half. */
static void solve(float *matrix, size_t n, cz_spread *hint) {
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
        double a = (double)hint[i].a, b = (double)hint[i].b;
        for (size_t k = 0; k < i; k++) {
            a -= (double)matrix[i * n + k] * (double)hint[k].a;
            b -= (double)matrix[i * n + k] * (double)hint[k].b;
        }
        hint[i].a = (float)(a / (double)matrix[i * n + i]);
        hint[i].b = (float)(b / (double)matrix[i * n + i]);
    }
    for (size_t i = n; i-- > 0;) {
        double a = (double)hint[i].a, b = (double)hint[i].b;
        for (size_t k = i + 1; k < n; k++) {
            a -= (double)matrix[k * n + i] * (double)hint[k].a;
            b -= (double)matrix[k * n + i] * (double)hint[k].b;
        }
        hint[i].a = (float)(a / (double)matrix[i * n + i]);
        hint[i].b = (float)(b / (double)matrix[i * n + i]);
    }
}

static void spread_rows(void *context, size_t begin, size_t end, uint32_t slot) {
    const spread_task *t = context;
    const cz_grid *g = &t->job->grid;
    const size_t first = begin * g->cw, cells = (size_t)g->cw * g->ch;
    const float *axis[CZ_SPREAD_AXES];
    (void)slot;
    for (size_t k = 0; k < CZ_SPREAD_AXES; k++) axis[k] = t->coordinate[k] + first;
    t->job->k->spread(t->hint, t->hints, axis, (end - begin) * g->cw, t->ab + first, t->ab + cells + first);
}

size_t cz_spread_work(const cz_grid *g, size_t hints) {
    return CZ_SPREAD_AXES * (size_t)g->cw * g->ch + (CZ_SPREAD_AXES + 2) * hints + hints * hints +
           hints * (sizeof(cz_spread) / sizeof(float));
}

bool cz_spread_hints(const cz_color_job *job, const float *light, const colorizer_hint *hints, size_t count, float *ab,
                     float *work) {
    const size_t cells = (size_t)job->grid.cw * job->grid.ch;
    spread_task t = {.job = job, .light = light, .ab = ab};
    if (count == 0) return true;
    for (size_t k = 0; k < CZ_SPREAD_AXES; k++, work += cells) t.coordinate[k] = work;
    t.hint = (cz_spread *)(void *)work;
    work += count * (sizeof(cz_spread) / sizeof(float));
    if (!cz_exec_for(job->exec, job->grid.ch, 0, place_cells, &t)) return false;
    place_hints(&t, hints, count);
    compare_hints(&t, work, work + (CZ_SPREAD_AXES + 2) * t.hints);
    solve(work + (CZ_SPREAD_AXES + 2) * t.hints, t.hints, t.hint);
    return cz_exec_for(job->exec, job->grid.ch, 0, spread_rows, &t);
}
