/* SPDX-License-Identifier: BSD-2-Clause
 * Pictures in memory: decoding and encoding. */
#ifndef PICTURE_H
#define PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <colorizer/colorizer.h>

#include "options.h"

/** A line for the user about what went wrong. */
typedef struct complaint {
    char text[512];
} complaint;

/** Writes a printf-like line into c; always returns false, for `return fail(c, ...)`. */
bool fail(complaint *c, const char *format, ...);

/** Most pixels a picture may have: the encoder counts its bytes in an int, and a small file can claim any size. */
#define PICTURE_MAX_PIXELS (INT64_C(1) << 28)

typedef struct picture {
    int width;
    int height;
    int channels; /* 1 gray, 2 gray+alpha, 3 RGB, 4 RGBA */
    int bits;     /* of a sample: 8 or 16, native byte order */
    void *pixels; /* rows without gaps; freed by picture_free */
} picture;

/** Decodes a file's bytes. `name` decides only whether a TGA, which has no mark of its own, is tried. */
bool picture_decode(const uint8_t *bytes, size_t size, const char *name, picture *out, complaint *c);

/** Makes an empty 8-bit picture. */
bool picture_make(int width, int height, int channels, picture *out, complaint *c);

/** Writes an 8-bit picture to a stream. JPEG leaves alpha out. */
bool picture_encode(const picture *p, file_format format, int quality, FILE *to, complaint *c);

/** The library's view of a picture. */
colorizer_image picture_image(const picture *p);

/** Whether the name's ending is that of a format read here. */
bool picture_readable_name(const char *name);

/** The format that a name's ending asks for; FORMAT_BY_NAME when it asks for none. */
file_format picture_format_of(const char *name);

void picture_free(picture *p);

#endif
