/* SPDX-License-Identifier: BSD-2-Clause
 * SHA-256 (FIPS 180-4), by which a model card names its model. */
#ifndef SHA256_H
#define SHA256_H

#include <stddef.h>
#include <stdint.h>

/** Writes the digest of `size` bytes as 64 hexadecimal digits and a NUL. */
void sha256_text(const uint8_t *bytes, size_t size, char text[65]);

#endif
