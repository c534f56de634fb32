/* SPDX-License-Identifier: BSD-2-Clause
 * Colours for the eye: CIELAB (D65) and sRGB. For what is drawn around the photograph; its pixels are the library's. */
#ifndef LAB_H
#define LAB_H

#include <stdbool.h>

typedef struct lab {
    float l, a, b; /* 0..100, and about -128..128 */
} lab;

typedef struct rgb {
    float r, g, b; /* sRGB, 0..1 */
} rgb;

lab lab_of(rgb c);

/** The sRGB sample, 0..1, for linear light; what is outside 0..1 is held there. */
float srgb_encode(float light);

/** Linear sRGB of CIE X, Y, Z relative to white. */
rgb linear_of_xyz(float x, float y, float z);

/** The colour in sRGB. One that sRGB does not hold loses chroma until it fits; hue and lightness stay. */
rgb rgb_of(lab c);

/** Whether sRGB holds the colour as it is. */
bool lab_fits(lab c);

#endif
