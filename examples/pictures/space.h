/* SPDX-License-Identifier: BSD-2-Clause
 * What samples mean: transfer function and primaries, where a few numbers say it. */
#ifndef SPACE_H
#define SPACE_H

#include "picture.h"

/** Sets the primaries to those of red, green, blue and white in CIE x, y. False, and nothing is set, where they are of
 *  no use to the library. */
bool space_set_chromaticities(space *s, const double xy[4][2]);

/** Sets the primaries to linear red, green, blue to X, Y, Z, row by row; likewise. */
bool space_set_matrix(space *s, const double matrix[3][3]);

/** Sets light = sample ^ exponent; false outside 1..4. */
bool space_set_gamma(space *s, double exponent);

/** A copy, freed by space_free; false when memory ran out. */
bool space_copy(space *to, const space *from);

/** Light of a sample 0..1. For judging a picture, not for making one. */
double space_light(const space *s, double sample);

/** CIE X, Y, Z relative to white of linear red, green, blue. */
void space_xyz(const space *s, const double rgb[3], double xyz[3]);

#endif
