/* SPDX-License-Identifier: BSD-2-Clause */
#include "smooth.h"

#include <stdlib.h>
#include <string.h>

/** Luminance may differ by this mean, in codes at the coarsest level, within a scene. */
#define SCENE 12.0f
/** Change of luminance, in codes beyond the noise, at which half of the history counts. */
#define CHANGE 3.0f
/** Noise is taken for at most this mean difference, in eighths of a code. */
#define NOISE_LIMIT 96
/** Keeps chroma finite in the dark. */
#define DARK 1e-3f

#define RED   0.2126f /* weights of luminance */
#define GREEN 0.7152f
#define BLUE  0.0722f

void light_codes_finish(light_codes *t) {
    int code = 0;
    for (int i = 0; i < 4096; i++) {
        while (code < 255 && (float)i / 4096.0f >= t->above[code]) code++;
        t->start[i] = (uint8_t)code;
    }
}

/** The code nearest to a linear light of 0..1. */
static uint8_t encode(const light_codes *t, float light) {
    const int cell = (int)(light * 4096.0f);
    int code = t->start[cell < 0 ? 0 : cell > 4095 ? 4095 : cell];
    while (code < 255 && light >= t->above[code]) code++;
    return (uint8_t)code;
}

/* ---------------------------------------------------------------- frames */

bool smoother_make(smoother *s, int width, int height) {
    const size_t pixels = (size_t)width * (size_t)height;
    memset(s, 0, sizeof *s);
    s->width = width;
    s->height = height;
    s->old = calloc(pixels, sizeof *s->old);
    s->new = calloc(pixels, sizeof *s->new);
    s->difference = malloc(pixels);
    s->local = malloc(pixels);
    s->column = calloc((size_t)width, sizeof *s->column);
    return pyramid_make(&s->before, width, height) && pyramid_make(&s->now, width, height) && s->old != NULL &&
           s->new != NULL && s->difference != NULL && s->local != NULL && s->column != NULL;
}

void smoother_free(smoother *s) {
    pyramid_free(&s->before);
    pyramid_free(&s->now);
    free(s->old);
    free(s->new);
    free(s->difference);
    free(s->local);
    free(s->column);
    memset(s, 0, sizeof *s);
}

void smoother_reset(smoother *s) {
    s->any = false;
    s->x = s->y = 0;
}

static int clamp(int v, int last) { return v < 0 ? 0 : v > last ? last : v; }

static int nearest(float v) { return v < 0 ? -(int)(0.5f - v) : (int)(v + 0.5f); }

/** Differences to the frame before, shifted; beyond its borders to its edge. */
static void differences(smoother *s) {
    for (int y = 0; y < s->height; y++) {
        const uint8_t *now = s->now.level[0] + (size_t)y * (size_t)s->width;
        const uint8_t *before = s->before.level[0] + (size_t)clamp(y - s->shift_y, s->height - 1) * (size_t)s->width;
        uint8_t *d = s->difference + (size_t)y * (size_t)s->width;
        for (int x = 0; x < s->width; x++) d[x] = (uint8_t)abs(now[x] - before[clamp(x - s->shift_x, s->width - 1)]);
    }
}

/** Means of the differences over 5 x 5 pixels: noise is averaged, and an edge that moved is still seen beside it. */
static void local_means(smoother *s) {
    for (int y = 0; y < s->height; y++) {
        uint8_t *out = s->local + (size_t)y * (size_t)s->width;
        memset(s->column, 0, (size_t)s->width * sizeof *s->column);
        for (int j = y - 2; j <= y + 2; j++) {
            const uint8_t *d = s->difference + (size_t)clamp(j, s->height - 1) * (size_t)s->width;
            for (int x = 0; x < s->width; x++) s->column[x] += d[x];
        }
        for (int x = 0; x < s->width; x++) {
            uint32_t sum = 0;
            for (int i = x - 2; i <= x + 2; i++) sum += s->column[clamp(i, s->width - 1)];
            out[x] = (uint8_t)clamp((int)(sum * 8 / 25), 255);
        }
    }
}

/** The noise of the film, by the quarter of the frame that changed least, decides what counts as a change. */
static void set_trust(smoother *s) {
    const size_t pixels = (size_t)s->width * (size_t)s->height;
    size_t count[256] = {0}, below = 0;
    int noise = 0;
    for (size_t i = 0; i < pixels; i++) count[s->local[i]]++;
    while (noise < NOISE_LIMIT && (below += count[noise]) < pixels / 4) noise++;
    for (int i = 0; i < 256; i++) {
        const float change = (float)(i - noise - noise / 4) / (8.0f * CHANGE); /* a quarter more is noise still */
        s->trust[i] = change <= 0 ? 1.0f : 1.0f / (1.0f + change * change);
    }
}

void smoother_begin(smoother *s, const uint8_t *rgba, float limit) {
    s->limit = limit;
    pyramid_fill(&s->now, rgba);
    if (!s->any) return;
    const motion m = motion_find(&s->before, &s->now);
    if (m.difference > SCENE) {
        smoother_reset(s);
        return;
    }
    s->x += m.x; /* the part of a pixel that is left waits, or a slow pan would leave the colours behind */
    s->y += m.y;
    s->shift_x = nearest(s->x);
    s->shift_y = nearest(s->y);
    s->x -= (float)s->shift_x;
    s->y -= (float)s->shift_y;
    differences(s);
    local_means(s);
    set_trust(s);
}

void smoother_end(smoother *s) {
    const pyramid p = s->before;
    history *const h = s->old;
    s->before = s->now;
    s->now = p;
    s->old = s->new;
    s->new = h;
    s->any = true;
}

/* ---------------------------------------------------------------- pixels */

/** About the square of the cube root of a luminance: what differences in linear light are divided by to be chroma. Both
 *  ways use it, so that an error of it does not matter. */
static float chroma_unit(float luminance) {
    const float v = luminance + DARK;
    uint32_t bits;
    float root;
    memcpy(&bits, &v, sizeof bits);
    bits = bits / 3 + 0x2A514067; /* a third of the exponent: within 4 % */
    memcpy(&root, &bits, sizeof root);
    root = (2 * root + v / (root * root)) / 3;
    return root * root;
}

/** Averages a pixel's chroma with its history, if it has one. */
static history average(const smoother *s, int x, int y, float red, float blue) {
    const int from_x = x - s->shift_x, from_y = y - s->shift_y;
    if (!s->any || from_x < 0 || from_x >= s->width || from_y < 0 || from_y >= s->height)
        return (history){red, blue, 1};
    const history *h = s->old + (size_t)from_y * (size_t)s->width + (size_t)from_x;
    const float known = h->frames * s->trust[s->local[(size_t)y * (size_t)s->width + (size_t)x]];
    const float frames = known + 1, share = 1 / frames;
    return (history){(known * h->red + red) * share, (known * h->blue + blue) * share,
                     frames < s->limit ? frames : s->limit};
}

/** Writes a luminance with these differences to red and blue, scaled down where they leave 0..1. Green takes what red
 * and blue, once rounded, leave of the luminance, as the library does it. */
static void write(const light_codes *t, float luminance, float red, float blue, uint8_t *out) {
    const float green = -(RED * red + BLUE * blue) / GREEN;
    const float high = red > blue ? (red > green ? red : green) : (blue > green ? blue : green);
    const float low = red < blue ? (red < green ? red : green) : (blue < green ? blue : green);
    float share = 1;
    if (luminance + high > 1) share = (1 - luminance) / high;
    if (luminance + share * low < 0) share = luminance / -low;
    out[0] = encode(t, luminance + share * red);
    out[1] = encode(t, luminance + share * green);
    out[2] = encode(t, luminance + share * blue);
    if (out[0] != out[1] || out[2] != out[1])
        out[1] = encode(t, (luminance - RED * t->code[out[0]] - BLUE * t->code[out[2]]) / GREEN);
}

void smoother_rows(smoother *s, const light_codes *t, int y, int rows, const float *linear, const uint8_t *source,
                   uint8_t *out) {
    for (int row = y; row < y + rows; row++) {
        history *h = s->new + (size_t)row *(size_t)s->width;
        for (int x = 0; x < s->width; x++, linear += 3, source += 4, out += 4) {
            const float luminance = RED * linear[0] + GREEN * linear[1] + BLUE * linear[2];
            const float unit = chroma_unit(luminance);
            h[x] = average(s, x, row, (linear[0] - luminance) / unit, (linear[2] - luminance) / unit);
            write(t, luminance, h[x].red * unit, h[x].blue * unit, out);
            out[3] = source[3];
        }
    }
}
