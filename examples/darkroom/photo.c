/* SPDX-License-Identifier: BSD-2-Clause */
#include "photo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <SDL_stdinc.h>

#include "lab.h"
#include "resize.h"
#include "space.h"

/* ---------------------------------------------------------------- what is seen */

static const uint8_t *pixel(const photo *p, size_t i) {
    return (const uint8_t *)p->preview.pixels + i * (size_t)p->preview.channels;
}

void photo_show(const photo *p, uint8_t *out) {
    const size_t pixels = (size_t)p->preview.width * (size_t)p->preview.height,
                 colours = p->preview.channels < 3 ? 1 : 3;
    for (size_t i = 0; i < 3 * pixels; i++) out[i] = pixel(p, i / 3)[i % colours];
}

static size_t inside(float v, int n) { return !(v > 0) ? 0 : v >= (float)n ? (size_t)n - 1 : (size_t)v; }

float photo_lightness(const photo *p, float x, float y) {
    const uint8_t *c = pixel(p, inside(y, p->preview.height) * (size_t)p->preview.width + inside(x, p->preview.width));
    const int green = p->preview.channels < 3 ? 0 : 1, blue = 2 * green;
    return lab_of((rgb){(float)c[0] / 255, (float)c[green] / 255, (float)c[blue] / 255}).l;
}

/* ---------------------------------------------------------------- the preview */

static int shrunk(int side, int longest) {
    const int64_t n = ((int64_t)side * PREVIEW_SIDE + longest / 2) / longest;
    return n < 1 ? 1 : (int)n;
}

/** In linear light, as a lens would; other curves than sRGB's are near enough to it. */
static bool resize(const picture *from, picture *to) {
    const int channels = from->channels, alpha = channels % 2 == 0 ? channels - 1 : STBIR_ALPHA_CHANNEL_NONE;
    const bool linear = from->space.transfer == COLORIZER_TRANSFER_LINEAR;
    const stbir_colorspace curve = linear ? STBIR_COLORSPACE_LINEAR : STBIR_COLORSPACE_SRGB;
    if (from->bits == 8)
        return stbir_resize_uint8_generic(from->pixels, from->width, from->height, 0, to->pixels, to->width, to->height,
                                          0, channels, alpha, 0, STBIR_EDGE_CLAMP, STBIR_FILTER_DEFAULT, curve, NULL);
    if (from->bits == 16)
        return stbir_resize_uint16_generic(from->pixels, from->width, from->height, 0, to->pixels, to->width,
                                           to->height, 0, channels, alpha, 0, STBIR_EDGE_CLAMP, STBIR_FILTER_DEFAULT,
                                           curve, NULL);
    return stbir_resize_float_generic(from->pixels, from->width, from->height, 0, to->pixels, to->width, to->height, 0,
                                      channels, alpha, 0, STBIR_EDGE_CLAMP, STBIR_FILTER_DEFAULT, curve, NULL);
}

enum { CODES = 65536 };

/** Light of each 16-bit sample, and the 8-bit sRGB sample for each 1/65535 of light: finer than the eye sees. */
typedef struct tables {
    float light[CODES];
    uint8_t code[CODES];
} tables;

static size_t code_of(float v) { return v >= 1 ? CODES - 1 : v > 0 ? (size_t)(v * (CODES - 1) + 0.5f) : 0; }

static tables *make_tables(const space *s) {
    tables *t = malloc(sizeof *t);
    for (size_t i = 0; t != NULL && i < CODES; i++) {
        t->light[i] = (float)space_light(s, (double)i / (CODES - 1));
        t->code[i] = (uint8_t)(255 * srgb_encode((float)i / (CODES - 1)) + 0.5f);
    }
    return t;
}

/** Sample i as 16 bits. */
static size_t sample(const picture *p, size_t i) {
    return p->bits == 8    ? ((const uint8_t *)p->pixels)[i] * (size_t)257
           : p->bits == 16 ? ((const uint16_t *)p->pixels)[i]
                           : code_of(((const float *)p->pixels)[i]);
}

static void to_srgb(const space *s, float light[3]) {
    const double own[3] = {(double)light[0], (double)light[1], (double)light[2]};
    double xyz[3];
    if (s->primaries != COLORIZER_PRIMARIES_MATRIX) return;
    space_xyz(s, own, xyz);
    const rgb there = linear_of_xyz((float)xyz[0], (float)xyz[1], (float)xyz[2]);
    light[0] = there.r, light[1] = there.g, light[2] = there.b;
}

/** As a screen shows it; the network sees the same light in it. */
static bool show_in_srgb(const picture *from, picture *to, complaint *c) {
    if (!picture_make(from->width, from->height, from->channels, 8, to, c)) return false;
    tables *t = make_tables(&from->space);
    if (t == NULL) return fail(c, "not enough memory");
    const size_t channels = (size_t)from->channels, colours = channels < 3 ? 1 : 3;
    const size_t count = (size_t)from->width * (size_t)from->height * channels;
    uint8_t *out = to->pixels;
    for (size_t i = 0; i < count; i += channels) {
        float light[3];
        for (size_t k = 0; k < colours; k++) light[k] = t->light[sample(from, i + k)];
        if (colours == 3) to_srgb(&from->space, light);
        for (size_t k = 0; k < colours; k++) out[i + k] = t->code[code_of(light[k])];
        if (colours < channels) out[i + colours] = (uint8_t)((sample(from, i + colours) + 128) / 257);
    }
    free(t);
    return true;
}

static bool make_preview(photo *p, complaint *c) {
    picture *full = &p->full.picture, small;
    const int longest = full->width > full->height ? full->width : full->height;
    if (longest <= PREVIEW_SIDE) return show_in_srgb(full, &p->preview, c);
    bool ok = picture_make(shrunk(full->width, longest), shrunk(full->height, longest), full->channels, full->bits,
                           &small, c);
    if (ok) {
        small.space = full->space; /* lent */
        ok = resize(full, &small) ? show_in_srgb(&small, &p->preview, c) : fail(c, "not enough memory");
    }
    free(small.pixels);
    return ok;
}

/* ---------------------------------------------------------------- the whole */

char *photo_output(const photo *p, int number) {
    const char *dot = strrchr(p->name, '.');
    const size_t stem = dot != NULL ? (size_t)(dot - p->path) : strlen(p->path), room = stem + 32;
    char *path = malloc(room), counted[16] = "";
    if (number > 1) (void)snprintf(counted, sizeof counted, "-%d", number);
    if (path != NULL) (void)snprintf(path, room, "%.*s-colour%s.png", (int)stem, p->path, counted);
    return path;
}

photo *photo_open(const char *path, complaint *c) {
    photo *p = calloc(1, sizeof *p);
    char *copy = SDL_strdup(path);
    if (p == NULL || copy == NULL) {
        free(p);
        SDL_free(copy);
        (void)fail(c, "not enough memory");
        return NULL;
    }
    const char *slash = strrchr(copy, '/');
    SDL_AtomicSet(&p->users, 1);
    p->path = copy;
    p->name = slash != NULL ? slash + 1 : copy;
    if (photograph_read(path, &p->full, c) && make_preview(p, c)) return p;
    photo_drop(p);
    return NULL;
}

photo *photo_keep(photo *p) {
    SDL_AtomicAdd(&p->users, 1);
    return p;
}

void photo_drop(photo *p) {
    if (p == NULL || SDL_AtomicAdd(&p->users, -1) > 1) return;
    photograph_free(&p->full);
    picture_free(&p->preview);
    SDL_free(p->path);
    free(p);
}
