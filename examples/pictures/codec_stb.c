/* SPDX-License-Identifier: BSD-2-Clause
 * BMP and TGA by stb, and JPEG and PNG where their own libraries are not found: without profile, resolution and 16-bit
 * output then. */
#include <stdlib.h>
#include <string.h>

#include "codec.h"
#include "stb.h"

/** A file that stb reads, and whether it asked for more than there is: it would take zeros for the rest. */
typedef struct source {
    const uint8_t *bytes;
    size_t size, at;
    bool ran_out;
} source;

static int give(void *user, char *to, int size) {
    source *s = user;
    size_t wanted = (size_t)size, count = wanted < s->size - s->at ? wanted : s->size - s->at;
    memcpy(to, s->bytes + s->at, count);
    s->at += count;
    /* stb fills its buffer of 128 bytes ahead, as far as it gets; any other number it needs */
    if (count == 0 || (count < wanted && wanted != 128)) s->ran_out = true;
    return (int)count;
}

static void skip(void *user, int size) {
    source *s = user;
    int64_t to = (int64_t)s->at + size;
    if (to < 0 || to > (int64_t)s->size) {
        s->ran_out = true;
        to = (int64_t)s->size;
    }
    s->at = (size_t)to;
}

static int at_end(void *user) { return ((source *)user)->at == ((source *)user)->size; }

static const stbi_io_callbacks from_memory = {give, skip, at_end};

/** The size is read from the header and judged before anything is decoded. */
static bool read_any(const uint8_t *bytes, size_t size, picture *out, complaint *c) {
    int width, height, channels;
    source s = {bytes, size, 0, false};
    if (!stbi_info_from_callbacks(&from_memory, &s, &width, &height, &channels))
        return fail(c, "damaged picture: %s", stbi_failure_reason());
    if (!picture_check_size(width, height, c)) return false;
    s = (source){bytes, size, 0, false};
    bool deep = stbi_is_16_bit_from_callbacks(&from_memory, &s);
    s = (source){bytes, size, 0, false};
    void *pixels = deep ? (void *)stbi_load_16_from_callbacks(&from_memory, &s, &width, &height, &channels, 0)
                        : (void *)stbi_load_from_callbacks(&from_memory, &s, &width, &height, &channels, 0);
    if (pixels == NULL) return fail(c, "damaged picture: %s", stbi_failure_reason());
    *out = (picture){.width = width, .height = height, .channels = channels, .bits = deep ? 16 : 8, .pixels = pixels};
    if (!s.ran_out) return true;
    picture_free(out);
    return fail(c, "the file is cut short");
}

typedef struct sink {
    blob *to;
    bool full;
} sink;

static void take(void *context, void *bytes, int size) {
    sink *s = context;
    if (!blob_append(s->to, bytes, (size_t)size)) s->full = true;
}

static bool write_png(const picture *p, int quality, blob *out, complaint *c) {
    sink s = {out, false};
    (void)quality;
    if (stbi_write_png_to_func(take, &s, p->width, p->height, p->channels, p->pixels, 0) && !s.full) return true;
    return fail(c, "not enough memory to encode the picture");
}

/** JPEG has no alpha: stb leaves it out. */
static bool write_jpeg(const picture *p, int quality, blob *out, complaint *c) {
    sink s = {out, false};
    if (stbi_write_jpg_to_func(take, &s, p->width, p->height, p->channels, p->pixels, quality) && !s.full) return true;
    return fail(c, "not enough memory to encode the picture");
}

static bool is_png(const uint8_t *bytes, size_t size) {
    return size >= 8 && memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) == 0;
}

static bool is_jpeg(const uint8_t *bytes, size_t size) { return size >= 3 && memcmp(bytes, "\xff\xd8\xff", 3) == 0; }

static bool is_bmp(const uint8_t *bytes, size_t size) { return size >= 8 && memcmp(bytes, "BM", 2) == 0; }

const codec codec_stb_png = {
    .name = "png", .bits = 8, .has_alpha = true, .probe = is_png, .read = read_any, .write = write_png};
const codec codec_stb_jpeg = {
    .name = "jpg", .endings = {"jpeg"}, .bits = 8, .probe = is_jpeg, .read = read_any, .write = write_jpeg};
const codec codec_stb_bmp = {.name = "bmp", .probe = is_bmp, .read = read_any};
const codec codec_stb_tga = {.name = "tga", .read = read_any}; /* has no mark */
