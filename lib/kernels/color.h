/* SPDX-License-Identifier: BSD-2-Clause
 * The per-pixel loops of the colour pipeline, compiled once per instruction set; formulas are in docs/color.md and at
 * each function of color.c. Rows of f32 need no alignment beyond 4; `n` is the number of pixels. */
#ifndef CZ_KERNELS_COLOR_H
#define CZ_KERNELS_COLOR_H

#include "base/base.h"

#define CZ_COLOR_MAX_BINS 1024u

enum cz_sample { CZ_SAMPLE_U8 = 1, CZ_SAMPLE_U16 = 2, CZ_SAMPLE_F32 = 3 };

/** How a pixel lies in memory. */
typedef struct cz_layout_px {
    uint8_t sample;           /* enum cz_sample */
    uint8_t channels;         /* samples a pixel: 1..4 */
    uint8_t red, green, blue; /* index of the sample; all 0 in gray */
    uint8_t alpha;            /* index of the sample, 0: none */
    bool linear;              /* COLORIZER_TRANSFER_LINEAR */
} cz_layout_px;

/** Values of the 256 codes of u8, for both transfers (index: linear). Any instruction set computes the same. */
typedef struct cz_color_tables {
    float light[2][256];     /* linear light 0..1 of a code */
    float lightness[2][256]; /* CIELAB L of a gray code */
} cz_color_tables;

typedef struct cz_color_kernels cz_color_kernels;

/** The loops of one instruction set; `cpu` as in cz_kernels(). */
const cz_color_kernels *cz_color(int32_t cpu);

void cz_color_tables_init(cz_color_tables *tables, const cz_color_kernels *k);

#endif
