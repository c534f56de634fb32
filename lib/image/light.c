/* SPDX-License-Identifier: BSD-2-Clause
 * Lightness at working size, and the network's input made of it and the hints. */
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

typedef struct {
    const cz_color_job *job;
    const cz_pixels *src;
    float *light;
    unsigned char *scratch;
} light_task;

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

static void light_rows(void *context, size_t begin, size_t end, uint32_t slot) {
    const light_task *t = context;
    const cz_grid *g = &t->job->grid;
    const cz_color_kernels *k = t->job->k;
    float *row = (float *)(void *)(t->scratch + slot * cz_lightness_scratch(g));
    float *sum = row + g->width, *mean = sum + g->width;
    size_t held = SIZE_MAX; /* the source row that `row` holds: neighbours share one */
    for (size_t y = begin; y < end; y++) {
        const span s = footprint(y, g->h, g->height);
        memset(sum, 0, g->width * sizeof *sum);
        for (size_t i = 0; i < s.count; i++) {
            if (held != s.first + i)
                k->luminance(t->job->tables, t->src->px, cz_row(t->src, s.first + i), g->width, row);
            held = s.first + i;
            k->accumulate(row, (float)(cover(&s, i) / s.all), g->width, sum);
        }
        across(sum, g->width, mean, g->w);
        float *out = t->light + y * g->pw;
        k->lightness(mean, g->w, out);
        for (size_t x = g->w; x < g->pw; x++) out[x] = out[g->w - 1];
    }
}

bool cz_lightness(const cz_color_job *job, const cz_pixels *src, float *light, void *scratch) {
    const cz_grid *g = &job->grid;
    light_task task = {job, src, light, scratch};
    if (!cz_exec_for(job->exec, g->h, 0, light_rows, &task)) return false;
    for (size_t y = g->h; y < g->ph; y++)
        memcpy(light + y * g->pw, light + (size_t)(g->h - 1) * g->pw, g->pw * sizeof *light);
    return true;
}

/* ---------------------------------------------------------------- hints */

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

static void draw_hint(const cz_color_job *job, const colorizer_hint *hint, float *input) {
    const cz_grid *g = &job->grid;
    const double sx = (double)g->w / g->width, sy = (double)g->h / g->height;
    const double cx = (double)hint->x * sx, cy = (double)hint->y * sy;
    const double wide = (double)hint->radius * sx, high = (double)hint->radius * sy;
    const double rx = wide > SMALLEST_SPOT ? wide : SMALLEST_SPOT, ry = high > SMALLEST_SPOT ? high : SMALLEST_SPOT;
    float a, b;
    size_t x0, x1, y0, y1;
    if (!(cx >= 0 && cy >= 0 && cx < g->w && cy < g->h)) return;
    hint_chroma(job, hint, &a, &b);
    reach(cx, rx, g->w, &x0, &x1);
    reach(cy, ry, g->h, &y0, &y1);
    for (size_t y = y0; y < y1; y++) {
        const double v = ((double)y + 0.5 - cy) / ry;
        for (size_t x = x0; x < x1; x++) {
            const double u = ((double)x + 0.5 - cx) / rx;
            if (u * u + v * v > 1) continue;
            float *p = input + (y * g->pw + x) * CZ_INPUT_CHANNELS;
            p[CZ_INPUT_A] = a / 110.0f;
            p[CZ_INPUT_B] = b / 110.0f;
            p[CZ_INPUT_MASK] = 1.0f;
        }
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
    for (size_t i = 0; i < count; i++) draw_hint(job, &hints[i], input);
}
