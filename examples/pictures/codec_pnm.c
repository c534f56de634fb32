/* SPDX-License-Identifier: BSD-2-Clause
 * Binary PGM and PPM. Not left to stb, which reads 16-bit samples in the wrong byte order, does not scale to the
 * file's maximum, and takes a truncated file for a whole one. */
#include "codec.h"

typedef struct cursor {
    const uint8_t *at;
    const uint8_t *end;
} cursor;

static bool is_pnm(const uint8_t *bytes, size_t size) {
    return size > 2 && bytes[0] == 'P' && (bytes[1] == '5' || bytes[1] == '6');
}

static bool is_space(uint8_t byte) { return byte == ' ' || (byte >= '\t' && byte <= '\r'); }

/** Skips white space and comments, then reads a decimal number of at most six digits. */
static bool take_number(cursor *s, int *out) {
    while (s->at < s->end && (is_space(*s->at) || *s->at == '#')) {
        if (*s->at++ != '#') continue;
        while (s->at < s->end && *s->at != '\n') s->at++;
    }
    int value = 0, digits = 0;
    for (; s->at < s->end && *s->at >= '0' && *s->at <= '9' && digits < 6; digits++)
        value = 10 * value + (*s->at++ - '0');
    *out = value;
    return digits > 0;
}

static void scale8(const uint8_t *from, uint8_t *to, size_t count, unsigned maximum) {
    for (size_t i = 0; i < count; i++) {
        unsigned value = from[i] < maximum ? from[i] : maximum;
        to[i] = (uint8_t)((value * 255u + maximum / 2u) / maximum);
    }
}

/** 16-bit samples are stored high byte first. */
static void scale16(const uint8_t *from, uint16_t *to, size_t count, uint32_t maximum) {
    for (size_t i = 0; i < count; i++) {
        uint32_t value = (uint32_t)from[2 * i] << 8 | from[2 * i + 1];
        if (value > maximum) value = maximum;
        to[i] = (uint16_t)((value * 65535u + maximum / 2u) / maximum);
    }
}

static bool read_pnm(const uint8_t *bytes, size_t size, picture *out, complaint *c) {
    cursor s = {bytes + 2, bytes + size};
    int width, height, maximum;
    if (!take_number(&s, &width) || !take_number(&s, &height) || !take_number(&s, &maximum) || s.at == s.end ||
        !is_space(*s.at++))
        return fail(c, "damaged PNM header");
    if (!picture_check_size(width, height, c)) return false;
    if (maximum < 1 || maximum > 65535) return fail(c, "damaged PNM header");
    int channels = bytes[1] == '6' ? 3 : 1, bits = maximum > 255 ? 16 : 8;
    size_t count = (size_t)width * (size_t)height * (size_t)channels;
    if ((size_t)(s.end - s.at) / ((size_t)bits / 8) < count) return fail(c, "the file is cut short");
    if (!picture_make(width, height, channels, bits, out, c)) return false;
    if (bits == 8)
        scale8(s.at, out->pixels, count, (unsigned)maximum);
    else
        scale16(s.at, out->pixels, count, (uint32_t)maximum);
    return true;
}

const codec codec_pnm = {.name = "ppm", .endings = {"pgm", "pnm"}, .probe = is_pnm, .read = read_pnm};
