/* SPDX-License-Identifier: BSD-2-Clause */
#include "photo.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <SDL_rwops.h>
#include <SDL_stdinc.h>

#include "../colorizer/stb.h"
#include "lab.h"
#include "resize.h"

/** Most pixels of a photograph: the PNG encoder counts its bytes in an int. */
#define MOST_PIXELS (INT64_C(1) << 28)

static bool complain(message *m, const char *what, const char *why) {
    (void)snprintf(m->text, sizeof m->text, "%s: %s", what, why);
    return false;
}

/* ---------------------------------------------------------------- pictures in memory */

static int channels_of(const colorizer_image *p) { return p->format >> 8 > 4 ? (p->format >> 8) - 2 : p->format >> 8; }

static bool is_deep(const colorizer_image *p) { return (p->format & 0xff) == 2; }

bool picture_has_alpha(const colorizer_image *p) { return channels_of(p) % 2 == 0; }

static colorizer_image picture_of(int width, int height, int channels, bool deep, void *pixels) {
    static const int32_t formats[4] = {COLORIZER_GRAY_U8, COLORIZER_GRAYA_U8, COLORIZER_RGB_U8, COLORIZER_RGBA_U8};
    const int64_t stride = (int64_t)width * channels * (deep ? 2 : 1);
    return (colorizer_image){.struct_size = sizeof(colorizer_image),
                             .format = formats[channels - 1] + (deep ? 1 : 0), /* _U16 follows _U8 */
                             .width = width,
                             .height = height,
                             .data = {pixels},
                             .stride = {stride},
                             .size = {(uint64_t)(stride * height)}};
}

colorizer_image picture_like(const colorizer_image *p, bool with_alpha) {
    colorizer_image made = picture_of(p->width, p->height, with_alpha ? 4 : 3, false, NULL);
    made.data[0] = malloc((size_t)made.size[0]);
    return made;
}

/** Red, green and blue of pixel i, 8 bits each. */
static void take_pixel(const colorizer_image *p, size_t i, uint8_t out[3]) {
    const size_t channels = (size_t)channels_of(p);
    for (size_t k = 0; k < 3; k++) {
        const size_t at = i * channels + (channels < 3 ? 0 : k);
        out[k] = is_deep(p) ? (uint8_t)((((const uint16_t *)p->data[0])[at] * 255u + 32767) / 65535)
                            : ((const uint8_t *)p->data[0])[at];
    }
}

void picture_show(const colorizer_image *p, uint8_t *out) {
    const size_t pixels = (size_t)p->width * (size_t)p->height;
    for (size_t i = 0; i < pixels; i++) take_pixel(p, i, out + 3 * i);
}

static size_t inside(float v, int32_t n) { return !(v > 0) ? 0 : v >= (float)n ? (size_t)n - 1 : (size_t)v; }

float picture_lightness(const colorizer_image *p, float x, float y) {
    uint8_t c[3];
    take_pixel(p, inside(y, p->height) * (size_t)p->width + inside(x, p->width), c);
    return lab_of((rgb){(float)c[0] / 255, (float)c[1] / 255, (float)c[2] / 255}).l;
}

/* ---------------------------------------------------------------- reading */

static bool decode(const void *bytes, size_t size, photo *p, message *m) {
    int width, height, channels;
    if (size > INT_MAX) return complain(m, p->name, "the file is larger than 2 GiB");
    /* The size is read from the header and judged before anything is decoded. */
    if (!stbi_info_from_memory(bytes, (int)size, &width, &height, &channels))
        return complain(m, p->name, "not a picture that can be read");
    if (width < 1 || height < 1 || width > COLORIZER_MAX_SIDE || height > COLORIZER_MAX_SIDE ||
        (int64_t)width * height > MOST_PIXELS)
        return complain(m, p->name, "too few or too many pixels");
    const bool deep = stbi_is_16_bit_from_memory(bytes, (int)size);
    void *pixels = deep ? (void *)stbi_load_16_from_memory(bytes, (int)size, &width, &height, &channels, 0)
                        : (void *)stbi_load_from_memory(bytes, (int)size, &width, &height, &channels, 0);
    if (pixels == NULL) return complain(m, p->name, stbi_failure_reason());
    p->full = picture_of(width, height, channels, deep, pixels);
    return true;
}

static int shrunk(int side, int longest) {
    const int64_t n = ((int64_t)side * PREVIEW_SIDE + longest / 2) / longest;
    return n < 1 ? 1 : (int)n;
}

/** In linear light, as a lens would. */
static bool make_preview(photo *p, message *m) {
    const colorizer_image *f = &p->full;
    const int longest = f->width > f->height ? f->width : f->height, channels = channels_of(f);
    p->preview = *f;
    if (longest <= PREVIEW_SIDE) return true;
    const int width = shrunk(f->width, longest), height = shrunk(f->height, longest);
    const int alpha = picture_has_alpha(f) ? channels - 1 : STBIR_ALPHA_CHANNEL_NONE;
    p->preview = picture_of(width, height, channels, is_deep(f), NULL);
    p->preview.data[0] = malloc((size_t)p->preview.size[0]);
    const int done = p->preview.data[0] == NULL ? 0
                     : is_deep(f) ? stbir_resize_uint16_generic(f->data[0], f->width, f->height, 0, p->preview.data[0],
                                                                width, height, 0, channels, alpha, 0, STBIR_EDGE_CLAMP,
                                                                STBIR_FILTER_DEFAULT, STBIR_COLORSPACE_SRGB, NULL)
                                  : stbir_resize_uint8_generic(f->data[0], f->width, f->height, 0, p->preview.data[0],
                                                               width, height, 0, channels, alpha, 0, STBIR_EDGE_CLAMP,
                                                               STBIR_FILTER_DEFAULT, STBIR_COLORSPACE_SRGB, NULL);
    return done || complain(m, p->name, "not enough memory");
}

static bool exists(const char *path) {
    FILE *f = fopen(path, "rb");
    if (f != NULL) (void)fclose(f);
    return f != NULL;
}

/** NAME-colour.png beside the photograph, with a number when there is such a file already: it is not ours. */
static bool choose_output(photo *p, message *m) {
    const char *dot = strrchr(p->name, '.');
    const size_t stem = dot != NULL ? (size_t)(dot - p->path) : strlen(p->path), room = stem + 32;
    p->output = malloc(room);
    if (p->output == NULL) return complain(m, p->name, "not enough memory");
    (void)snprintf(p->output, room, "%.*s-colour.png", (int)stem, p->path);
    for (int i = 2; i < 1000 && exists(p->output); i++)
        (void)snprintf(p->output, room, "%.*s-colour-%d.png", (int)stem, p->path, i);
    return true;
}

photo *photo_open(const char *path, message *m) {
    photo *p = calloc(1, sizeof *p);
    char *copy = SDL_strdup(path);
    if (p == NULL || copy == NULL) {
        free(p);
        SDL_free(copy);
        (void)complain(m, path, "not enough memory");
        return NULL;
    }
    const char *slash = strrchr(copy, '/');
    SDL_AtomicSet(&p->users, 1);
    p->path = copy;
    p->name = slash != NULL ? slash + 1 : copy;
    size_t size;
    void *bytes = SDL_LoadFile(path, &size);
    const bool ok = bytes != NULL ? decode(bytes, size, p, m) && make_preview(p, m) && choose_output(p, m)
                                  : complain(m, path, "cannot be opened");
    SDL_free(bytes);
    if (ok) return p;
    photo_drop(p);
    return NULL;
}

photo *photo_keep(photo *p) {
    SDL_AtomicAdd(&p->users, 1);
    return p;
}

void photo_drop(photo *p) {
    if (p == NULL || SDL_AtomicAdd(&p->users, -1) > 1) return;
    if (p->preview.data[0] != p->full.data[0]) free(p->preview.data[0]);
    stbi_image_free(p->full.data[0]);
    free(p->output);
    SDL_free(p->path);
    free(p);
}

/* ---------------------------------------------------------------- writing */

static void write_bytes(void *to, void *bytes, int size) { (void)fwrite(bytes, 1, (size_t)size, (FILE *)to); }

static bool write_png(FILE *to, const colorizer_image *p) {
    const int ok = stbi_write_png_to_func(write_bytes, to, p->width, p->height, channels_of(p), p->data[0], 0);
    const bool whole = ok && !ferror(to);
    return fclose(to) == 0 && whole;
}

/** Makes a file beside `path` that nobody else uses. */
static FILE *open_beside(const char *path, char *name, size_t room) {
    FILE *to = NULL;
    errno = EEXIST;
    for (int i = 0; i < 100 && to == NULL && errno == EEXIST; i++) {
        (void)snprintf(name, room, "%s.part%d", path, i);
        to = fopen(name, "wbx");
    }
    return to;
}

bool picture_save(const colorizer_image *p, const char *path, message *m) {
    const size_t room = strlen(path) + 16;
    char *beside = malloc(room);
    FILE *to = beside != NULL ? open_beside(path, beside, room) : NULL;
    bool ok = to != NULL || complain(m, path, strerror(errno));
    if (to != NULL) {
        ok = write_png(to, p) || complain(m, path, "cannot be written whole");
        if (ok && rename(beside, path) != 0) ok = complain(m, path, strerror(errno));
        if (!ok) (void)remove(beside);
    }
    free(beside);
    return ok;
}
