/* SPDX-License-Identifier: BSD-2-Clause
 * The photograph in the window. */
#ifndef PHOTO_H
#define PHOTO_H

#include <stdbool.h>
#include <stdint.h>

#include <SDL_atomic.h>

#include "files.h"
#include "photograph.h"

/** Longest side of a preview: sharp on most screens, and coloured in a few hundredths of a second. */
#define PREVIEW_SIDE 1280

/** Shared by the window and the workers: whoever drops it last frees it. Only the worker that saves changes it:
 * `saved`, and what photograph_write() changes. */
typedef struct photo {
    SDL_atomic_t users;
    char *path;
    const char *name; /* the path's last part */
    photograph full;
    file_id saved;   /* what the last save left */
    picture preview; /* 8 bits, sRGB, of as many channels */
} photo;

/** Reads any picture file that the command colorizer reads. @return NULL with a complaint. */
photo *photo_open(const char *path, complaint *c);
photo *photo_keep(photo *p);
void photo_drop(photo *p); /* NULL does nothing */

/** The name for a coloured one, beside the photograph: NAME-colour.png, with a number from 2 on. Freed by the caller;
 *  NULL when there is no memory. */
char *photo_output(const photo *p, int number);

/** The preview as RGB without gaps, for the screen. */
void photo_show(const photo *p, uint8_t *out);

/** CIELAB lightness of a pixel of the preview; a place outside gives that of the nearest edge. */
float photo_lightness(const photo *p, float x, float y);

#endif
