/* SPDX-License-Identifier: BSD-2-Clause
 * Pictures in memory. */
#include "picture.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool fail(complaint *c, const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)vsnprintf(c->text, sizeof c->text, format, args);
    va_end(args);
    return false;
}

void warn(complaint *c, const char *format, ...) {
    char line[256];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(line, sizeof line - 1, format, args);
    va_end(args);
    if (length < 0) return;
    (void)strcat(line, "\n");
    size_t used = strlen(c->warnings);
    if (strstr(c->warnings, line) == NULL && used + strlen(line) < sizeof c->warnings)
        (void)strcpy(c->warnings + used, line);
}

/* ---------------------------------------------------------------- bytes */

bool blob_append(blob *to, const void *bytes, size_t size) {
    if (size > SIZE_MAX / 2 - to->size) return false;
    if (to->size + size > to->room) {
        size_t room = to->room + to->room / 2 > to->size + size ? to->room + to->room / 2 : to->size + size;
        uint8_t *larger = realloc(to->bytes, room);
        if (larger == NULL) return false;
        to->bytes = larger;
        to->room = room;
    }
    if (size > 0) memcpy(to->bytes + to->size, bytes, size);
    to->size += size;
    return true;
}

bool blob_copy(blob *to, const void *bytes, size_t size) {
    *to = (blob){0};
    return blob_append(to, bytes, size);
}

void blob_free(blob *b) {
    free(b->bytes);
    *b = (blob){0};
}

/* ---------------------------------------------------------------- pictures */

bool picture_check_size(int64_t width, int64_t height, complaint *c) {
    if (width >= 1 && height >= 1 && width <= COLORIZER_MAX_SIDE && height <= COLORIZER_MAX_SIDE &&
        width * height <= PICTURE_MAX_PIXELS)
        return true;
    return fail(c, "%lld x %lld pixels; only 1 to %d a side are taken, and %lld million in all", (long long)width,
                (long long)height, COLORIZER_MAX_SIDE, (long long)PICTURE_MAX_PIXELS / 1000000);
}

bool picture_make(int width, int height, int channels, int bits, picture *out, complaint *c) {
    *out = (picture){.width = width, .height = height, .channels = channels, .bits = bits};
    if (!picture_check_size(width, height, c)) return false;
    out->pixels = malloc(picture_stride(out) * (size_t)height);
    return out->pixels != NULL || fail(c, "not enough memory");
}

size_t picture_stride(const picture *p) { return (size_t)p->width * (size_t)p->channels * ((size_t)p->bits / 8); }

/** Each orientation is a choice of three mirrorings: which side of the stored picture is left, which is top, and
 *  whether columns and rows change places. */
bool picture_turn(picture *p, int orientation, complaint *c) {
    static const struct {
        bool transpose, right, bottom; /* the seen picture begins at the stored right, the stored bottom */
    } ways[9] = {
        [2] = {false, true, false}, [3] = {false, true, true}, [4] = {false, false, true}, [5] = {true, false, false},
        [6] = {true, false, true},  [7] = {true, true, true},  [8] = {true, true, false}};
    if (orientation < 2 || orientation > 8) return true;
    bool transpose = ways[orientation].transpose;
    picture to;
    if (!picture_make(transpose ? p->height : p->width, transpose ? p->width : p->height, p->channels, p->bits, &to, c))
        return false;
    size_t pixel = (size_t)p->channels * ((size_t)p->bits / 8), stride = picture_stride(p);
    uint8_t *at = to.pixels;
    for (int y = 0; y < to.height; y++) {
        for (int x = 0; x < to.width; x++, at += pixel) {
            int column = transpose ? y : x, row = transpose ? x : y;
            if (ways[orientation].right) column = p->width - 1 - column;
            if (ways[orientation].bottom) row = p->height - 1 - row;
            memcpy(at, (const uint8_t *)p->pixels + (size_t)row * stride + (size_t)column * pixel, pixel);
        }
    }
    free(p->pixels);
    p->pixels = to.pixels;
    p->width = to.width;
    p->height = to.height;
    if (transpose) {
        double across = p->density[0];
        p->density[0] = p->density[1];
        p->density[1] = across;
    }
    return true;
}

colorizer_image picture_image(const picture *p) {
    static const int32_t formats[4] = {COLORIZER_GRAY_U8, COLORIZER_GRAYA_U8, COLORIZER_RGB_U8, COLORIZER_RGBA_U8};
    int32_t deeper = p->bits == 8 ? 0 : p->bits == 16 ? 1 : 2; /* _U16 follows _U8, _F32 follows that */
    int64_t stride = (int64_t)picture_stride(p);
    colorizer_image image = {.struct_size = sizeof(colorizer_image),
                             .format = formats[p->channels - 1] + deeper,
                             .width = p->width,
                             .height = p->height,
                             .transfer = p->space.transfer,
                             .data = {p->pixels},
                             .stride = {stride},
                             .size = {(uint64_t)(stride * p->height)},
                             .curve = p->space.curve,
                             .curve_size = p->space.curve_size,
                             .gamma = p->space.gamma,
                             .primaries = p->space.primaries};
    memcpy(image.matrix, p->space.matrix, sizeof image.matrix);
    return image;
}

void picture_free(picture *p) {
    free(p->pixels);
    space_free(&p->space);
    blob_free(&p->icc);
    blob_free(&p->exif);
    blob_free(&p->xmp);
    *p = (picture){0};
}
