/* SPDX-License-Identifier: BSD-2-Clause
 * Embedded colour profiles: to sRGB and back, through lcms2. */
#ifndef PROFILE_H
#define PROFILE_H

#include "picture.h"

/** Makes an encoded picture into one in sRGB (or, without profile, leaves it in sRGB or linear light).
 *  - A gray profile: samples become 16-bit (float stays) sRGB, and the profile that of sRGB.
 *  - An RGB profile that differs from sRGB: samples become float RGB in sRGB, the profile stays beside them, and
 *    *converted is set: the coloured picture goes through profile_from_srgb().
 *  - One that cannot be used is left out with a warning. */
bool profile_to_srgb(picture *p, bool *converted, complaint *c);

/** Makes `srgb` (float RGB, RGBA) into samples of `bits` in the profile it carries. */
bool profile_from_srgb(const picture *srgb, int bits, picture *out, complaint *c);

#endif
