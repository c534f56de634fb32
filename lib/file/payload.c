/* SPDX-License-Identifier: BSD-2-Clause
 * What looks at every byte of a file's payload. */
#include "file/czw.h"

#include <string.h>

#define LARGEST_FLOAT 0x7F7FFFFFu /* magnitude bits of the largest finite f32 */
#define LARGEST_SCALE 0x7B800000u /* 2^120: times -128 it is finite */

static uint32_t magnitude(const unsigned char *p) {
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v & 0x7FFFFFFFu;
}

/** Index of the first f32 whose magnitude is above `most` (as bits; infinities and NaN are above all), or n. */
static size_t first_above(const unsigned char *p, size_t n, uint32_t most) {
    for (size_t at = 0; at < n;) {
        const size_t end = at + cz_min(n - at, 4096);
        uint32_t bad = 0;
        for (size_t i = at; i < end; i++) bad |= (uint32_t)(magnitude(p + 4 * i) > most);
        if (bad) {
            while (magnitude(p + 4 * at) <= most) at++;
            return at;
        }
        at = end;
    }
    return n;
}

/** Index of the first f16 that is infinite or NaN, or n. */
static size_t first_bad_f16(const unsigned char *p, size_t n) {
    for (size_t at = 0; at < n;) {
        const size_t end = at + cz_min(n - at, 4096);
        unsigned bad = 0;
        for (size_t i = at; i < end; i++) bad |= (p[2 * i + 1] & 0x7Cu) == 0x7Cu;
        if (bad) {
            while ((p[2 * at + 1] & 0x7Cu) != 0x7Cu) at++;
            return at;
        }
        at = end;
    }
    return n;
}

bool cz_file_zeros(const unsigned char *p, size_t n) {
    unsigned any = 0;
    for (size_t i = 0; i < n; i++) any |= p[i];
    return any == 0;
}

size_t cz_file_span(const cz_file *f, uint32_t i) {
    cz_file_constant k, next = {.offset = f->size};
    cz_file_get_constant(f, i, &k);
    if (i + 1 < f->count[CZ_FILE_CONSTANT]) cz_file_get_constant(f, i + 1, &next);
    return next.offset - k.offset;
}

void cz_file_payload_start(cz_payload *p) {
    cz_checksum_start(&p->sum);
    p->status = COLORIZER_OK;
}

static int32_t refuse(uint32_t i, const char *field, size_t value, const char *what, cz_error *err) {
    return cz_fail(err, COLORIZER_E_FORMAT, "constant %u: %s: %zu %s", (unsigned)i, field, value, what);
}

/** Checks the samples of constant i, and that nothing follows them. */
static int32_t check_block(const cz_file *f, uint32_t i, const unsigned char *block, size_t span, cz_error *err) {
    cz_file_constant k;
    cz_file_get_constant(f, i, &k);
    const size_t n = (size_t)k.dims[0] * k.dims[1] * k.dims[2] * k.dims[3];
    size_t bad = first_above(block, k.scales, LARGEST_SCALE);
    if (bad < k.scales) return refuse(i, "scale", bad, "is not finite or above 2^120", err);
    bad = k.dtype == CZ_FILE_F32   ? first_above(block, n, LARGEST_FLOAT)
          : k.dtype == CZ_FILE_F16 ? first_bad_f16(block, n)
                                   : n;
    if (bad < n) return refuse(i, "sample", bad, "is not finite", err);
    if (!cz_file_zeros(block + k.size, span - k.size))
        return refuse(i, "payload bytes", k.size, "are followed by bytes that are not zero", err);
    return COLORIZER_OK;
}

bool cz_file_add_block(cz_payload *p, const cz_file *f, uint32_t i, const unsigned char *block, cz_error *err) {
    const size_t span = cz_file_span(f, i);
    cz_checksum_add(&p->sum, block, span);
    if (p->status == COLORIZER_OK) p->status = check_block(f, i, block, span, err);
    return p->status == COLORIZER_OK;
}

int32_t cz_file_payload_end(const cz_payload *p, const cz_file *f, cz_error *err) {
    uint32_t stored;
    memcpy(&stored, f->bytes + 60, sizeof stored);
    if (cz_checksum_end(&p->sum) == stored) return p->status;
    return cz_fail(err, COLORIZER_E_CHECKSUM, "header: payload_checksum does not match: the weights are damaged");
}
