/* SPDX-License-Identifier: BSD-2-Clause
 * What a colorizer_image must hold before a byte of it is touched. */
#include "image/image.h"

#include <string.h>

/** Copies the caller's struct, older or newer than ours, into *image. */
static int32_t read_struct(const colorizer_image *given, const char *name, colorizer_image *image, cz_error *err) {
    const size_t least = offsetof(colorizer_image, size) + sizeof image->size[0];
    uint32_t size;
    if (given == NULL) return cz_fail(err, COLORIZER_E_ARGUMENT, "%s: NULL", name);
    memcpy(&size, given, sizeof size);
    if (size < least || size > 4096)
        return cz_fail(err, COLORIZER_E_ARGUMENT, "%s.struct_size: %u is not the size of a colorizer_image (%zu)", name,
                       size, sizeof *image);
    memset(image, 0, sizeof *image);
    memcpy(image, given, cz_min(size, sizeof *image));
    for (size_t i = sizeof *image; i < size; i++)
        if (((const unsigned char *)given)[i] != 0)
            return cz_fail(err, COLORIZER_E_ARGUMENT, "%s: byte %zu is set, in a field this library does not know",
                           name, i);
    return COLORIZER_OK;
}

/** Formats are 0x0FSS: family, sample type. */
static bool read_format(int32_t format, bool linear, cz_layout_px *px) {
    static const cz_layout_px families[7] = {{0},
                                             {.channels = 1},
                                             {.channels = 2, .alpha = 1},
                                             {.channels = 3, .red = 0, .green = 1, .blue = 2},
                                             {.channels = 4, .red = 0, .green = 1, .blue = 2, .alpha = 3},
                                             {.channels = 3, .red = 2, .green = 1, .blue = 0},
                                             {.channels = 4, .red = 2, .green = 1, .blue = 0, .alpha = 3}};
    const int32_t family = format >> 8, sample = format & 0xFF;
    if (family < 1 || family > 6 || sample < CZ_SAMPLE_U8 || sample > CZ_SAMPLE_F32) return false;
    *px = families[family];
    px->sample = (uint8_t)sample;
    px->linear = linear;
    return true;
}

static int32_t check_format(const colorizer_image *m, enum cz_image_role role, const char *name, cz_layout_px *px,
                            cz_error *err) {
    if (!read_format(m->format, m->transfer == COLORIZER_TRANSFER_LINEAR, px))
        return cz_fail(err, COLORIZER_E_PIXEL_FORMAT, "%s.format: 0x%x is not a pixel format", name,
                       (unsigned)m->format);
    if (role == CZ_IMAGE_TARGET && px->channels < 3)
        return cz_fail(err, COLORIZER_E_PIXEL_FORMAT, "%s.format: 0x%x has no colour", name, (unsigned)m->format);
    if (role == CZ_IMAGE_CONFIDENCE && px->channels != 1)
        return cz_fail(err, COLORIZER_E_PIXEL_FORMAT, "%s.format: 0x%x is not a GRAY format", name,
                       (unsigned)m->format);
    if (role != CZ_IMAGE_CONFIDENCE && m->transfer != COLORIZER_TRANSFER_SRGB &&
        m->transfer != COLORIZER_TRANSFER_LINEAR)
        return cz_fail(err, COLORIZER_E_PIXEL_FORMAT, "%s.transfer: %d is not a transfer function", name, m->transfer);
    if (m->reserved != 0) return cz_fail(err, COLORIZER_E_ARGUMENT, "%s.reserved: %d, must be 0", name, m->reserved);
    return COLORIZER_OK;
}

static int32_t check_memory(const colorizer_image *m, const char *name, size_t sample, uint64_t row, cz_error *err) {
    const uint64_t stride = m->stride[0] < 0 ? 0 - (uint64_t)m->stride[0] : (uint64_t)m->stride[0];
    const uint64_t rows = (uint64_t)m->height - 1, limit = PTRDIFF_MAX;
    if (m->data[0] == NULL) return cz_fail(err, COLORIZER_E_ARGUMENT, "%s.data[0]: NULL", name);
    if ((uintptr_t)m->data[0] % sample != 0)
        return cz_fail(err, COLORIZER_E_BUFFER, "%s.data[0]: not aligned to its samples of %zu bytes", name, sample);
    if (stride < row)
        return cz_fail(err, COLORIZER_E_STRIDE, "%s.stride[0]: %lld is smaller than a row of %llu bytes", name,
                       (long long)m->stride[0], (unsigned long long)row);
    if (stride % sample != 0)
        return cz_fail(err, COLORIZER_E_STRIDE, "%s.stride[0]: %lld is not a multiple of the sample's %zu bytes", name,
                       (long long)m->stride[0], sample);
    /* last row's pixels inside: rows * stride + row <= size, in a form that cannot overflow */
    if (m->size[0] < row || (rows != 0 && stride > (m->size[0] - row) / rows))
        return cz_fail(err, COLORIZER_E_BUFFER, "%s.size[0]: %llu bytes do not hold %d rows %llu bytes apart", name,
                       (unsigned long long)m->size[0], m->height, (unsigned long long)stride);
    /* rows * stride + row now fits u64 */
    if (rows * stride + row > limit || rows * stride + row > UINTPTR_MAX - (uintptr_t)m->data[0])
        return cz_fail(err, COLORIZER_E_BUFFER, "%s.size[0]: the image does not fit the address space", name);
    return COLORIZER_OK;
}

int32_t cz_image_check(const colorizer_image *given, enum cz_image_role role, const char *name, cz_pixels *out,
                       cz_error *err) {
    static const size_t sample_bytes[4] = {0, 1, 2, 4};
    colorizer_image m;
    cz_layout_px px;
    int32_t status = read_struct(given, name, &m, err);
    if (status != COLORIZER_OK) return status;
    if (m.width < 1 || m.width > COLORIZER_MAX_SIDE)
        return cz_fail(err, COLORIZER_E_IMAGE_SIZE, "%s.width: %d is not in 1..%d", name, m.width, COLORIZER_MAX_SIDE);
    if (m.height < 1 || m.height > COLORIZER_MAX_SIDE)
        return cz_fail(err, COLORIZER_E_IMAGE_SIZE, "%s.height: %d is not in 1..%d", name, m.height,
                       COLORIZER_MAX_SIDE);
    status = check_format(&m, role, name, &px, err);
    if (status != COLORIZER_OK) return status;
    const size_t sample = sample_bytes[px.sample];
    status = check_memory(&m, name, sample, (uint64_t)m.width * px.channels * sample, err);
    if (status != COLORIZER_OK) return status;
    for (int i = 1; i < 4; i++)
        if (m.data[i] != NULL || m.stride[i] != 0 || m.size[i] != 0)
            return cz_fail(err, COLORIZER_E_ARGUMENT, "%s: plane %d is set, but the format has one plane", name, i);
    unsigned char *low = m.data[0];
    *out = (cz_pixels){.top = m.stride[0] < 0 ? low + (ptrdiff_t)(m.height - 1) * (ptrdiff_t)-m.stride[0] : low,
                       .step = (ptrdiff_t)m.stride[0],
                       .width = (uint32_t)m.width,
                       .height = (uint32_t)m.height,
                       .px = px};
    return COLORIZER_OK;
}

/** First byte of an image, and the byte after its last pixel's last. */
static void extent(const cz_pixels *p, uintptr_t *begin, uintptr_t *end) {
    static const size_t sample_bytes[4] = {0, 1, 2, 4};
    const uintptr_t a = (uintptr_t)p->top, b = (uintptr_t)cz_row(p, p->height - 1);
    *begin = a < b ? a : b;
    *end = (a < b ? b : a) + (size_t)p->width * p->px.channels * sample_bytes[p->px.sample];
}

int32_t cz_image_pair_check(const cz_pixels *src, const cz_pixels *dst, cz_error *err) {
    if (src->width != dst->width)
        return cz_fail(err, COLORIZER_E_IMAGE_SIZE, "dst.width: %u, but src.width is %u", dst->width, src->width);
    if (src->height != dst->height)
        return cz_fail(err, COLORIZER_E_IMAGE_SIZE, "dst.height: %u, but src.height is %u", dst->height, src->height);
    const bool same_pixels = src->px.sample == dst->px.sample && src->px.channels == dst->px.channels &&
                             src->px.red == dst->px.red && src->px.alpha == dst->px.alpha;
    if (src->top == dst->top && src->step == dst->step && same_pixels) return COLORIZER_OK;
    uintptr_t s0, s1, d0, d1;
    extent(src, &s0, &s1);
    extent(dst, &d0, &d1);
    if (s0 < d1 && d0 < s1)
        return cz_fail(err, COLORIZER_E_OVERLAP, "dst.data[0]: overlaps src without being the same image");
    return COLORIZER_OK;
}
