/* SPDX-License-Identifier: BSD-2-Clause
 * Binary PGM and PPM. */
#ifndef PNM_H
#define PNM_H

#include "picture.h"

/** Whether the bytes begin as a binary PGM or PPM does. */
bool pnm_is(const uint8_t *bytes, size_t size);

/** Reads P5 or P6 with any maximum up to 65535, scaled to 8 or 16 bits. */
bool pnm_decode(const uint8_t *bytes, size_t size, picture *out, complaint *c);

#endif
