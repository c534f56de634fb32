/* SPDX-License-Identifier: BSD-2-Clause
 * A photograph from a file, its preview, and pictures into files. */
#ifndef PHOTO_H
#define PHOTO_H

#include <stdbool.h>
#include <stdint.h>

#include <SDL_atomic.h>

#include <colorizer/colorizer.h>

/** A line for the user about what went wrong; empty when nothing did. */
typedef struct message {
    char text[512];
} message;

/** Longest side of a preview: sharp on most screens, and coloured in a few hundredths of a second. */
#define PREVIEW_SIDE 1280

/** Never changes once opened. Shared by the window and the workers: whoever drops it last frees it. */
typedef struct photo {
    SDL_atomic_t users;
    char *path;
    const char *name;        /* the path's last part */
    char *output;            /* where the coloured one goes when nothing else is said */
    colorizer_image full;    /* as in the file: 8 or 16 bits, 1 to 4 channels */
    colorizer_image preview; /* the same format, or `full` itself when that is small */
} photo;

/** Reads a JPEG, PNG, BMP or TGA file. @return NULL with a complaint. */
photo *photo_open(const char *path, message *m);
photo *photo_keep(photo *p);
void photo_drop(photo *p); /* NULL does nothing */

/** An empty 8-bit RGB (or RGBA) picture of the same size. data[0] is NULL when there is no memory; free() frees it. */
colorizer_image picture_like(const colorizer_image *p, bool with_alpha);
bool picture_has_alpha(const colorizer_image *p);

/** The picture as 8-bit RGB without gaps, for the screen. */
void picture_show(const colorizer_image *p, uint8_t *out);

/** CIELAB lightness of a pixel; a place outside gives that of the nearest edge. */
float picture_lightness(const colorizer_image *p, float x, float y);

/** Writes an 8-bit picture as PNG, beside `path` first and then renamed over it. A failure leaves no trace. */
bool picture_save(const colorizer_image *p, const char *path, message *m);

#endif
