/* SPDX-License-Identifier: BSD-2-Clause */
#include "file/czw.h"

#include <string.h>

/** Length of the well-formed UTF-8 character at p, n bytes being left; 0 when there is none (table 3-7 of Unicode). */
static size_t character(const unsigned char *p, size_t n) {
    const unsigned first = p[0];
    if (first == 0) return 0;
    if (first < 0x80) return 1;
    size_t length = 2;
    unsigned low = 0x80, high = 0xBF; /* of the second byte */
    if (first < 0xC2 || first > 0xF4) return 0;
    if (first >= 0xF0)
        length = 4;
    else if (first >= 0xE0)
        length = 3;
    if (first == 0xE0) low = 0xA0;
    if (first == 0xED) high = 0x9F;
    if (first == 0xF0) low = 0x90;
    if (first == 0xF4) high = 0x8F;
    if (n < length || p[1] < low || p[1] > high) return 0;
    for (size_t i = 2; i < length; i++)
        if ((p[i] & 0xC0u) != 0x80u) return 0;
    return length;
}

bool cz_utf8_valid(const char *text, size_t size) {
    const unsigned char *p = (const unsigned char *)text;
    for (size_t i = 0; i < size;) {
        const size_t n = character(p + i, size - i);
        if (n == 0) return false;
        i += n;
    }
    return true;
}

bool cz_text_equal(cz_text a, cz_text b) { return a.size == b.size && memcmp(a.data, b.data, a.size) == 0; }
