/* SPDX-License-Identifier: BSD-2-Clause
 * Telling a colour photograph from a gray or toned one. */
#ifndef TINT_H
#define TINT_H

#include "picture.h"

/** The share of a picture's area, 0..1, whose colour no single tint explains. A gray picture has 0; prints toned with
 *  sepia or cyanotype, yellowed or stained have little; colour photographs have much. Negative when memory ran out. */
double tint_unexplained(const picture *p);

/** Above this share a picture is taken for coloured. */
#define TINT_COLOURED 0.01

#endif
