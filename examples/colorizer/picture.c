/* SPDX-License-Identifier: BSD-2-Clause
 * Pictures in memory: decoding and encoding, by stb and pnm.c. */
#include "picture.h"

#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "pnm.h"
#include "stb.h"

bool fail(complaint *c, const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)vsnprintf(c->text, sizeof c->text, format, args);
    va_end(args);
    return false;
}

static const char *ending_of(const char *name) {
    const char *slash = strrchr(name, '/');
    const char *dot = strrchr(slash ? slash + 1 : name, '.');
    return dot ? dot + 1 : "";
}

static bool is_one_of(const char *ending, const char *const *list) {
    for (; *list != NULL; list++)
        if (strcasecmp(ending, *list) == 0) return true;
    return false;
}

bool picture_readable_name(const char *name) {
    static const char *const readable[] = {"jpg", "jpeg", "png", "bmp", "tga", "pgm", "ppm", "pnm", NULL};
    return is_one_of(ending_of(name), readable);
}

file_format picture_format_of(const char *name) {
    static const char *const jpg[] = {"jpg", "jpeg", NULL}, *const png[] = {"png", NULL};
    const char *ending = ending_of(name);
    return is_one_of(ending, png) ? FORMAT_PNG : is_one_of(ending, jpg) ? FORMAT_JPG : FORMAT_BY_NAME;
}

static bool has_known_mark(const uint8_t *bytes, size_t size) {
    return size >= 8 && (memcmp(bytes, "\xff\xd8\xff", 3) == 0 || memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) == 0 ||
                         memcmp(bytes, "BM", 2) == 0);
}

/** The size is read from the header and judged before anything is decoded. */
static bool decode_stb(const stbi_uc *bytes, int size, picture *out, complaint *c) {
    int width, height, channels;
    if (!stbi_info_from_memory(bytes, size, &width, &height, &channels))
        return fail(c, "damaged picture: %s", stbi_failure_reason());
    if (width < 1 || height < 1 || width > COLORIZER_MAX_SIDE || height > COLORIZER_MAX_SIDE ||
        (int64_t)width * height > PICTURE_MAX_PIXELS)
        return fail(c, "%d x %d pixels are too few or too many", width, height);
    bool deep = stbi_is_16_bit_from_memory(bytes, size);
    void *pixels = deep ? (void *)stbi_load_16_from_memory(bytes, size, &width, &height, &channels, 0)
                        : (void *)stbi_load_from_memory(bytes, size, &width, &height, &channels, 0);
    if (pixels == NULL) return fail(c, "damaged picture: %s", stbi_failure_reason());
    *out = (picture){width, height, channels, deep ? 16 : 8, pixels};
    return true;
}

bool picture_decode(const uint8_t *bytes, size_t size, const char *name, picture *out, complaint *c) {
    *out = (picture){0};
    if (size == 0) return fail(c, "the file is empty");
    if (pnm_is(bytes, size)) return pnm_decode(bytes, size, out, c);
    if (!has_known_mark(bytes, size) && strcasecmp(ending_of(name), "tga") != 0)
        return fail(c, "not a JPEG, PNG, BMP, TGA, PGM or PPM picture");
    if (size > INT_MAX) return fail(c, "the file is larger than 2 GiB");
    return decode_stb(bytes, (int)size, out, c);
}

bool picture_make(int width, int height, int channels, picture *out, complaint *c) {
    void *pixels = malloc((size_t)width * (size_t)height * (size_t)channels);
    *out = (picture){width, height, channels, 8, pixels};
    return pixels != NULL || fail(c, "not enough memory");
}

static void write_bytes(void *to, void *bytes, int size) { (void)fwrite(bytes, 1, (size_t)size, (FILE *)to); }

bool picture_encode(const picture *p, file_format format, int quality, FILE *to, complaint *c) {
    int ok = format == FORMAT_JPG
                 ? stbi_write_jpg_to_func(write_bytes, to, p->width, p->height, p->channels, p->pixels, quality)
                 : stbi_write_png_to_func(write_bytes, to, p->width, p->height, p->channels, p->pixels, 0);
    if (!ok) return fail(c, "not enough memory to encode the picture");
    return !ferror(to) || fail(c, "could not write: the disk may be full");
}

colorizer_image picture_image(const picture *p) {
    static const int32_t formats[4] = {COLORIZER_GRAY_U8, COLORIZER_GRAYA_U8, COLORIZER_RGB_U8, COLORIZER_RGBA_U8};
    int64_t stride = (int64_t)p->width * p->channels * (p->bits / 8);
    return (colorizer_image){.struct_size = sizeof(colorizer_image),
                             .format = formats[p->channels - 1] + (p->bits == 16), /* _U16 follows _U8 */
                             .width = p->width,
                             .height = p->height,
                             .data = {p->pixels},
                             .stride = {stride},
                             .size = {(uint64_t)(stride * p->height)}};
}

void picture_free(picture *p) {
    free(p->pixels);
    *p = (picture){0};
}
