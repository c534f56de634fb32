/* SPDX-License-Identifier: BSD-2-Clause
 * Colour hints on the working image: into the network's input, and held where they lie. */
#include "image/image.h"

#include <math.h>

void cz_srgb_chroma(const cz_color_job *job, const float *srgb, float *a, float *b) {
    static const cz_layout_px gray = {.sample = CZ_SAMPLE_F32, .channels = 1};
    float c[3], l[3];
    job->k->luminance(job->tables, gray, srgb, 3, c);
    /* X, Y, Z relative to white: IEC 61966-2-1's matrix, each row over its sum */
    const float xyz[3] = {c[0] * 0.43387691f + c[1] * 0.37622304f + c[2] * 0.18990005f,
                          c[0] * 0.2126f + c[1] * 0.7152f + c[2] * 0.0722f,
                          c[0] * 0.01772268f + c[1] * 0.10945822f + c[2] * 0.8728191f};
    job->k->lightness(xyz, 3, l); /* 116 f - 16 of each */
    *a = (l[0] - l[1]) * (500.0f / 116.0f);
    *b = (l[1] - l[2]) * (200.0f / 116.0f);
}

/* ---------------------------------------------------------------- spots */

/** Half the side of the smallest spot, in working pixels: about 3 x 3. */
#define SMALLEST_SPOT 1.5
/** Least weight: its powers and its inverse are still numbers. */
#define LEAST_WEIGHT 1e-4f

/** Narrows begin .. end to the part of a line, from p by d, that lies in 0 .. n. @return false when none does. */
static bool clip(double p, double d, double n, double *begin, double *end) {
    if (d == 0) return p >= 0 && p < n;
    const double t0 = (d > 0 ? -p : n - p) / d, t1 = (d > 0 ? n - p : -p) / d;
    if (t0 > *begin) *begin = t0;
    if (t1 < *end) *end = t1;
    return *begin <= *end;
}

static double held(double x, double n) { return x < 0 ? 0 : x > n ? n : x; }

/** @return false for a hint of whose line nothing is on the photograph. */
static bool spot_of(const cz_color_job *job, const colorizer_hint *hint, cz_spot *s) {
    const cz_grid *g = &job->grid;
    const double sx = (double)g->w / g->width, sy = (double)g->h / g->height;
    const double x = (double)hint->x * sx, y = (double)hint->y * sy;
    const double dx = (double)hint->dx * sx, dy = (double)hint->dy * sy;
    const double wide = (double)hint->radius * sx, high = (double)hint->radius * sy;
    const float weight = hint->weight == 0 ? 1.0f : hint->weight, srgb[3] = {hint->red, hint->green, hint->blue};
    double begin = 0, end = 1;
    if (!clip(x, dx, g->w, &begin, &end) || !clip(y, dy, g->h, &begin, &end)) return false;
    /* inside but for rounding, which from far away is large */
    const double x0 = held(x + begin * dx, g->w), y0 = held(y + begin * dy, g->h);
    *s = (cz_spot){.x = x0,
                   .y = y0,
                   .dx = held(x + end * dx, g->w) - x0,
                   .dy = held(y + end * dy, g->h) - y0,
                   .rx = wide > SMALLEST_SPOT ? wide : SMALLEST_SPOT,
                   .ry = high > SMALLEST_SPOT ? high : SMALLEST_SPOT,
                   .a = hint->a,
                   .b = hint->b,
                   .weight = weight > LEAST_WEIGHT ? weight : LEAST_WEIGHT};
    if (hint->space == COLORIZER_HINT_SRGB) cz_srgb_chroma(job, srgb, &s->a, &s->b);
    s->held_a = s->a;
    s->held_b = s->b;
    return true;
}

size_t cz_spots(const cz_color_job *job, const colorizer_hint *hints, size_t count, cz_spot *spots) {
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        if (spot_of(job, &hints[i], &spots[n])) n++;
    return n;
}

double cz_spot_distance(const cz_spot *s, double x, double y, double *along) {
    const double px = (x - s->x) / s->rx, py = (y - s->y) / s->ry, dx = s->dx / s->rx, dy = s->dy / s->ry;
    const double length2 = dx * dx + dy * dy, dot = px * dx + py * dy;
    const double t = dot <= 0 ? 0 : dot >= length2 ? 1 : dot / length2; /* of a point dot is 0 */
    const double u = px - t * dx, v = py - t * dy;
    *along = t;
    return u * u + v * v;
}

/** First and one past the last pixel of n whose centre may lie within `radius` of p .. p + d. */
static void reach(double p, double d, double radius, size_t n, size_t *begin, size_t *end) {
    const double low = (d < 0 ? p + d : p) - radius - 0.5, high = (d < 0 ? p : p + d) + radius + 0.5;
    *begin = low > 0 ? (size_t)low : 0;
    *end = high < (double)n ? (size_t)high + 1 : n;
    if (*end > n) *end = n;
}

void cz_spot_rows(const cz_spot *s, double more, size_t n, size_t *begin, size_t *end) {
    reach(s->y, s->dy, s->ry + more, n, begin, end);
}

void cz_spot_columns(const cz_spot *s, double more, size_t n, size_t *begin, size_t *end) {
    reach(s->x, s->dx, s->rx + more, n, begin, end);
}

/* ---------------------------------------------------------------- into the network */

/** How much of a hint the network is shown. It follows one shown by a half as it does a whole one, so that only what is
 *  nearly whole may be shown; what a lesser weight is to move is moved in the answer. */
static float shown(float weight) {
    const float w2 = weight * weight, w4 = w2 * w2;
    return w4 * w4;
}

/** Draws a spot where none lies yet. */
static void draw_spot(const cz_grid *g, const cz_spot *s, float *input) {
    size_t x0, x1, y0, y1;
    const float mask = shown(s->weight);
    double along;
    cz_spot_columns(s, 0, g->w, &x0, &x1);
    cz_spot_rows(s, 0, g->h, &y0, &y1);
    for (size_t y = y0; y < y1; y++)
        for (size_t x = x0; x < x1; x++) {
            float *p = input + (y * g->pw + x) * CZ_INPUT_CHANNELS;
            if (p[CZ_INPUT_MASK] != 0 || cz_spot_distance(s, (double)x + 0.5, (double)y + 0.5, &along) > 1) continue;
            p[CZ_INPUT_A] = mask * s->a / CZ_AB_UNIT;
            p[CZ_INPUT_B] = mask * s->b / CZ_AB_UNIT;
            p[CZ_INPUT_MASK] = mask;
        }
}

void cz_network_input(const cz_color_job *job, const float *light, const cz_spot *spots, size_t count, float *input) {
    const size_t pixels = (size_t)job->grid.pw * job->grid.ph;
    for (size_t i = 0; i < pixels; i++) {
        float *p = input + i * CZ_INPUT_CHANNELS;
        p[CZ_INPUT_L] = light[i] / 50.0f - 1.0f;
        p[CZ_INPUT_A] = p[CZ_INPUT_B] = p[CZ_INPUT_MASK] = 0.0f;
    }
    for (size_t i = count; i-- > 0;) draw_spot(&job->grid, &spots[i], input); /* the last one lies on top */
}

/* ---------------------------------------------------------------- held where they lie */

#define HOLD_FADE  2.0f  /* working pixels past its edge over which a spot fades */
#define HOLD_LIGHT 24.0f /* difference in L at which it ends, outside its core */
#define HOLD_CORE  0.5   /* share of the radius within which it holds whatever the lightness */

/** (1 - x^2)^2 for x in 0 .. 1, then 0. */
static float fade(float x) {
    const float rest = 1.0f - x * x;
    return x < 1.0f ? rest * rest : 0.0f;
}

/** How much of a working pixel's colour is the spot's. */
static float share_of(const cz_color_job *job, const float *light, const cz_spot *s, size_t x, size_t y) {
    const cz_grid *g = &job->grid;
    const double least = s->rx < s->ry ? s->rx : s->ry;
    const double core = least * HOLD_CORE > SMALLEST_SPOT ? HOLD_CORE : SMALLEST_SPOT / least;
    double along;
    const double far = sqrt(cz_spot_distance(s, (double)x + 0.5, (double)y + 0.5, &along));
    const float space = far <= 1 ? 1.0f : fade((float)((far - 1) * least) / HOLD_FADE);
    if (far <= core || space == 0) return s->weight * space;
    const size_t at_x = cz_min((size_t)(s->x + along * s->dx), g->w - 1);
    const size_t at_y = cz_min((size_t)(s->y + along * s->dy), g->h - 1);
    const float unlike = (light[y * g->pw + x] - light[at_y * g->pw + at_x]) / HOLD_LIGHT;
    const float by = (float)((far - core) * 4), range = fade(unlike < 0 ? -unlike : unlike);
    return s->weight * space * (by < 1 ? 1.0f - by * (1.0f - range) : range);
}

void cz_hold_row(const cz_color_job *job, const float *light, const cz_spot *spots, size_t count, const float *hues,
                 size_t y, float *const *lines) {
    const size_t w = job->grid.w;
    uint16_t here[COLORIZER_MAX_HINTS];
    size_t n = 0, begin, end;
    for (size_t i = count; i-- > 0;) { /* from the topmost */
        cz_spot_rows(&spots[i], (double)HOLD_FADE, job->grid.h, &begin, &end);
        if (y >= begin && y < end) here[n++] = (uint16_t)i;
    }
    for (size_t x = 0; n > 0 && x < w; x++) {
        float left = 1.0f, a = 0, b = 0;
        for (size_t i = 0; i < n && left > 0; i++) {
            const cz_spot *s = &spots[here[i]];
            cz_spot_columns(s, (double)HOLD_FADE, w, &begin, &end);
            if (x < begin || x >= end) continue;
            const float share = left * share_of(job, light, s, x, y), hue = cz_hue_strength(hues, s->held_a, s->held_b);
            a += share * hue * s->held_a;
            b += share * hue * s->held_b;
            left -= share;
        }
        for (size_t j = 0; j < 4; j++) lines[j][x] *= left;
        lines[1][x] += a;
        lines[3][x] += b;
    }
}
