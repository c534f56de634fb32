/* SPDX-License-Identifier: BSD-2-Clause
 * Pictures in memory, and what the program says about them. */
#ifndef PICTURE_H
#define PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <colorizer/colorizer.h>

/** What went wrong, and what the user should know though the work went on. */
typedef struct complaint {
    char text[512];
    char warnings[1024]; /* lines, each ended by '\n' */
} complaint;

/** Writes a printf-like line into c; always returns false, for `return fail(c, ...)`. */
bool fail(complaint *c, const char *format, ...);

/** Adds a printf-like line to the warnings; one that is there already, or finds no room, is left out. */
void warn(complaint *c, const char *format, ...);

/** Most pixels a picture may have, because a small file can claim any size. */
#define PICTURE_MAX_PIXELS (INT64_C(1) << 28)

/** Bytes in memory; freed by blob_free, from nothing by blob_append. */
typedef struct blob {
    uint8_t *bytes;
    size_t size;
    size_t room;
} blob;

bool blob_append(blob *to, const void *bytes, size_t size);
/** A copy; false when memory ran out. `to` is overwritten. */
bool blob_copy(blob *to, const void *bytes, size_t size);
void blob_free(blob *b);

/** What samples mean, in the library's terms; all zero: sRGB. Freed by space_free. */
typedef struct space {
    int32_t transfer; /* COLORIZER_TRANSFER_... */
    float gamma;
    float *curve;
    uint32_t curve_size;
    int32_t primaries; /* sRGB's or those of the matrix */
    float matrix[9];
} space;

void space_free(space *s);

typedef struct picture {
    int width;
    int height;
    int channels; /* 1 gray, 2 gray+alpha, 3 RGB, 4 RGBA; alpha is straight */
    int bits;     /* of a sample: 8 or 16, native byte order; 32: float, 1 is white */
    void *pixels; /* rows without gaps; freed by picture_free */
    space space;  /* what the file says besides its profile, and then what profile_read() found */
    /** EXIF's orientation 1..8 as the pixels lie, where the format itself says so; 0: the metadata tell. */
    int orientation;
    double density[2]; /* pixels an inch, across and down; 0: unknown */
    blob icc;          /* colour profile */
    blob exif;         /* begins with a TIFF header; only from and to formats that metadata.c does not open */
    blob xmp;          /* packet, likewise */
} picture;

/** Refuses sizes that nothing here serves. */
bool picture_check_size(int64_t width, int64_t height, complaint *c);

/** Makes a picture without colour profile; pixels are not initialised. */
bool picture_make(int width, int height, int channels, int bits, picture *out, complaint *c);

/** Turns pixels the way `orientation` (1..8) says they are seen; both densities follow. */
bool picture_turn(picture *p, int orientation, complaint *c);

/** Bytes of a row. */
size_t picture_stride(const picture *p);

/** The library's view of a picture. */
colorizer_image picture_image(const picture *p);

void picture_free(picture *p);

#endif
