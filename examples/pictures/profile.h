/* SPDX-License-Identifier: BSD-2-Clause
 * Embedded colour profiles, read by lcms2. */
#ifndef PROFILE_H
#define PROFILE_H

#include "picture.h"

/** What is done with the colours of a picture. */
typedef enum profile_use {
    PROFILE_NONE,     /* the coloured picture is in sRGB, under the profile that is beside the picture now, if any */
    PROFILE_KEPT,     /* the coloured picture is in the picture's space, under the picture's profile */
    PROFILE_CONVERTED /* samples have become float RGB in sRGB; the coloured picture goes through profile_from_srgb() */
} profile_use;

/** Sets what an encoded picture's samples mean, as far as its profile says.
 *  - A gray profile: its curve; the profile becomes that of sRGB.
 *  - An RGB profile of a matrix and one curve: both; the picture stays as it is. One that differs from sRGB by less
 * than a quarter of a code is sRGB.
 *  - Any other RGB profile, and floats on a curve that ends: conversion.
 *  - One that cannot be used is left out with a warning. */
bool profile_read(picture *p, profile_use *use, complaint *c);

/** Makes `srgb` (float RGB, RGBA) into samples of `bits` in the profile it carries. */
bool profile_from_srgb(const picture *srgb, int bits, picture *out, complaint *c);

#endif
