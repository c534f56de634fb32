/* SPDX-License-Identifier: BSD-2-Clause
 * The per-pixel loops of the colour pipeline, compiled once per instruction set; formulas are in docs/color.md and at
 * each function of color.c. Rows of f32 need no alignment beyond 4; `n` is the number of pixels. */
#ifndef CZ_KERNELS_COLOR_H
#define CZ_KERNELS_COLOR_H

#include "base/base.h"

#define CZ_COLOR_MAX_BINS 1024u

/** As in COLORIZER_GRAY_U8 ... The loops below know all but f16, which lib/image takes to f32 and back. */
enum cz_sample { CZ_SAMPLE_U8 = 1, CZ_SAMPLE_U16 = 2, CZ_SAMPLE_F32 = 3, CZ_SAMPLE_F16 = 4 };

/** A space of linear red, green, blue, by what the loops need of it. X, Y, Z are relative to white, after adaptation to
 *  D65: Y = sum weight[c] c, and c = Y + x[c] (X - Y) + z[c] (Z - Y), as the rows of both matrices sum to 1. */
typedef struct cz_primaries {
    float weight[3], x[3], z[3];
} cz_primaries;

/** How a pixel lies in memory, and what its samples mean. */
typedef struct cz_layout_px {
    uint8_t sample;           /* enum cz_sample */
    uint8_t channels;         /* samples a pixel: 1..4 */
    uint8_t red, green, blue; /* index of the sample; all 0 in gray */
    uint8_t alpha;            /* index of the sample, 0: none */
    uint8_t transfer;         /* COLORIZER_TRANSFER_... */
    bool premultiplied;       /* only where there is alpha */
    float gamma;
    uint32_t curve_size;
    const float *curve; /* the caller's */
    cz_primaries primaries;
} cz_layout_px;

/** Linear light 0..1 of the 256 codes of u8, for COLORIZER_TRANSFER_SRGB and _LINEAR. Every instruction set computes
 * the same. */
typedef struct cz_color_tables {
    float light[2][256];
} cz_color_tables;

/** What cz_color_kernels.mean and .confidence read beside logits. Arrays are padded to a multiple of 16: the shifts
 * with 1e30, so that a lane past the last bin has no share; the others with 0. */
typedef struct cz_chroma_bins {
    size_t bins;                                      /* 2 .. CZ_COLOR_MAX_BINS */
    float shift[CZ_COLOR_MAX_BINS];                   /* taken off the logits, for the data's own distribution */
    float a[CZ_COLOR_MAX_BINS], b[CZ_COLOR_MAX_BINS]; /* the centre */
} cz_chroma_bins;

/** A finite a or b: what overflowed in a network of absurd weights becomes 0 or the end of the range. */
static inline float cz_held_ab(float v) {
    return v > -128.0f ? (v < 128.0f ? v : 128.0f) : v <= -128.0f ? -128.0f : 0.0f;
}

/** Confidence is the probability of chroma within about 15 of the colour given: squared distances up to which a bin
 *  counts whole and from which it does not count, a ramp instead of a step because bins lie 10 apart. The ramp holds
 *  the area of a circle of radius 15: (75 + 375) / 2 = 15^2. */
#define CZ_NEAR_INNER 75.0f
#define CZ_NEAR_OUTER 375.0f

/** The four rows of cells around a row of pixels, each spread out to pixels: element x + i cell is the cell in column
 *  floor((x + 0.5) / cell - 0.5) - 1 + i, i 0..3, or the nearest there is. Rows are readable for 16 elements more. */
typedef struct cz_chroma_rows {
    const float *light[4], *a[4], *b[4];
    float distance[4]; /* from the pixels' row to the cells', in cells */
    size_t cell;       /* pixels a cell has on a side */
} cz_chroma_rows;

/** Light of float samples is held within this, so that nothing overflows. */
#define CZ_LIGHT_MOST 0x1p64f

/** Something to be spread over what is alike: where it is, on axes on which alike means less than about 1 apart, and
 * how much of a and b. */
enum { CZ_SPREAD_AXES = 5 };
typedef struct cz_spread {
    float at[CZ_SPREAD_AXES], a, b;
} cz_spread;

/** Half the side of the windows in which chroma is fitted to lightness, less a half. */
enum { CZ_FIT_RADIUS = 1, CZ_FIT_ROWS = 2 * CZ_FIT_RADIUS + 1 };

/** Floats of scratch that fit() and smooth() need for rows of n pixels. */
static inline size_t cz_fit_scratch(size_t n) { return 6 * (n + 2 * CZ_FIT_RADIUS + 16); }

/** The loops of one instruction set. */
typedef struct cz_color_kernels {
    /** Luminance, linear light, of n pixels: 0..1, of f32 samples within +-CZ_LIGHT_MOST and never NaN. */
    void (*luminance)(const cz_color_tables *tables, cz_layout_px px, const void *pixels, size_t n, float *y);
    /** CIELAB L, 0..100, of luminances. */
    void (*lightness)(const float *y, size_t n, float *l);
    /** sum += weight * y. */
    void (*accumulate)(const float *y, float weight, size_t n, float *sum);
    /** out = top + share * (bottom - top). */
    void (*mix)(const float *top, const float *bottom, float share, size_t n, float *out);
    /** Mean colour of n pixels' logits [n][bins], which become shares: the data's own distribution but for a factor,
     * the largest 1. */
    void (*mean)(const cz_chroma_bins *bins, float *logits, size_t n, float *a, float *b);
    /** How much of n pixels' shares lies near their colours. */
    void (*confidence)(const cz_chroma_bins *bins, const float *shares, size_t n, const float *a, const float *b,
                       float *confidence);
    /** Adds to a and b of n pixels, whose places on the axes are n floats each, every spread's share. */
    void (*spread)(const cz_spread *from, size_t count, const float *const *axis, size_t n, float *a, float *b);
    /** Adds to a and b of n pixels the joint bilateral interpolation of the cells'. */
    void (*bilateral)(const cz_chroma_rows *cells, const float *light, size_t n, float *a, float *b);
    /** Least-squares lines a = fit0 L + fit1, b = fit2 L + fit3 in the window around each pixel of a row. */
    void (*fit)(const float *const *light, const float *const *a, const float *const *b, size_t n, float *scratch,
                float *const *fit);
    /** Mean of the same window. */
    void (*smooth)(const float *const *rows, size_t n, float *scratch, float *out);
    /** Linear red, green and blue, or a and b in the place of red and green, of n pixels from column `first`: chroma
     * from the four rows of `fit`, `width` long and `scale` of their pixels to one of these, times each pixel's
     * strength, brought into gamut; luminance stays y.
     */
    void (*colour)(const cz_primaries *space, bool ab, const float *const *fit, size_t width, float scale, size_t first,
                   const float *y, const float *l, const float *strength, size_t n, float *red, float *green,
                   float *blue);
    /** Writes the colour samples of n pixels, and no other byte. Where px is premultiplied alpha is there already. */
    void (*encode)(const cz_color_tables *tables, cz_layout_px px, const float *y, const float *red, const float *green,
                   const float *blue, size_t n, void *pixels);
    void (*tables)(cz_color_tables *tables);
} cz_color_kernels;

/** The loops for an instruction set; `cpu` as in cz_set_of(). */
const cz_color_kernels *cz_color(int32_t cpu);

/** Same as k->tables(tables). */
void cz_color_tables_init(cz_color_tables *tables, const cz_color_kernels *k);

#endif
