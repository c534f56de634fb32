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
static bool read_format(int32_t format, cz_layout_px *px) {
    static const cz_layout_px families[7] = {{0},
                                             {.channels = 1},
                                             {.channels = 2, .alpha = 1},
                                             {.channels = 3, .red = 0, .green = 1, .blue = 2},
                                             {.channels = 4, .red = 0, .green = 1, .blue = 2, .alpha = 3},
                                             {.channels = 3, .red = 2, .green = 1, .blue = 0},
                                             {.channels = 4, .red = 2, .green = 1, .blue = 0, .alpha = 3}};
    const int32_t family = format >> 8, sample = format & 0xFF;
    if (family < 1 || family > 6 || sample < CZ_SAMPLE_U8 || sample > CZ_SAMPLE_F16) return false;
    *px = families[family];
    px->sample = (uint8_t)sample;
    px->primaries = cz_primaries_srgb;
    return true;
}

static int32_t check_format(const colorizer_image *m, enum cz_image_role role, const char *name, cz_layout_px *px,
                            cz_error *err) {
    if (!read_format(m->format, px))
        return cz_fail(err, COLORIZER_E_PIXEL_FORMAT, "%s.format: 0x%x is not a pixel format", name,
                       (unsigned)m->format);
    if (role == CZ_IMAGE_TARGET && px->channels < 3)
        return cz_fail(err, COLORIZER_E_PIXEL_FORMAT, "%s.format: 0x%x has no colour", name, (unsigned)m->format);
    if (role == CZ_IMAGE_GRAY && px->channels != 1)
        return cz_fail(err, COLORIZER_E_PIXEL_FORMAT, "%s.format: 0x%x is not a GRAY format", name,
                       (unsigned)m->format);
    if (m->reserved != 0) return cz_fail(err, COLORIZER_E_ARGUMENT, "%s.reserved: %d, must be 0", name, m->reserved);
    if (m->reserved2 != 0) return cz_fail(err, COLORIZER_E_ARGUMENT, "%s.reserved2: %d, must be 0", name, m->reserved2);
    return COLORIZER_OK;
}

/** From 0 to 1, and never falling, so that every light has a sample. */
static bool is_curve(const float *curve, uint32_t size) {
    bool rises = curve[0] == 0.0f && curve[size - 1] == 1.0f;
    for (uint32_t i = 1; i < size; i++) rises = rises && curve[i - 1] <= curve[i]; /* false of NaN */
    return rises;
}

static int32_t check_curve(const colorizer_image *m, const char *name, cz_error *err) {
    if (m->curve == NULL) return cz_fail(err, COLORIZER_E_ARGUMENT, "%s.curve: NULL", name);
    if ((uintptr_t)m->curve % sizeof *m->curve != 0)
        return cz_fail(err, COLORIZER_E_BUFFER, "%s.curve: not aligned to 4 bytes", name);
    if (m->curve_size < 2 || m->curve_size > 65536)
        return cz_fail(err, COLORIZER_E_RANGE, "%s.curve_size: %u is not in 2..65536", name, m->curve_size);
    if (!is_curve(m->curve, m->curve_size))
        return cz_fail(err, COLORIZER_E_RANGE, "%s.curve: does not rise from 0 to 1", name);
    return COLORIZER_OK;
}

/** What the samples mean: transfer, primaries, alpha. */
static int32_t check_meaning(const colorizer_image *m, const char *name, cz_layout_px *px, cz_error *err) {
    if (m->transfer < COLORIZER_TRANSFER_SRGB || m->transfer > COLORIZER_TRANSFER_CURVE)
        return cz_fail(err, COLORIZER_E_PIXEL_FORMAT, "%s.transfer: %d is not a transfer function", name, m->transfer);
    if (m->primaries < COLORIZER_PRIMARIES_SRGB || m->primaries > COLORIZER_PRIMARIES_MATRIX)
        return cz_fail(err, COLORIZER_E_PIXEL_FORMAT, "%s.primaries: %d is not a COLORIZER_PRIMARIES_ constant", name,
                       m->primaries);
    if (m->alpha != COLORIZER_ALPHA_STRAIGHT && m->alpha != COLORIZER_ALPHA_PREMULTIPLIED)
        return cz_fail(err, COLORIZER_E_PIXEL_FORMAT, "%s.alpha: %d is not a COLORIZER_ALPHA_ constant", name,
                       m->alpha);
    if (m->transfer == COLORIZER_TRANSFER_GAMMA && !(m->gamma >= 1 && m->gamma <= 4))
        return cz_fail(err, COLORIZER_E_RANGE, "%s.gamma: %g is not in 1..4", name, (double)m->gamma);
    if (m->transfer == COLORIZER_TRANSFER_CURVE) {
        const int32_t status = check_curve(m, name, err);
        if (status != COLORIZER_OK) return status;
    }
    if (!cz_primaries_make(m->primaries, m->matrix, &px->primaries))
        return cz_fail(err, COLORIZER_E_RANGE, "%s.matrix: not a space of red, green and blue", name);
    px->transfer = (uint8_t)m->transfer;
    px->gamma = m->gamma;
    px->curve = m->curve;
    px->curve_size = m->curve_size;
    px->premultiplied = px->alpha != 0 && m->alpha == COLORIZER_ALPHA_PREMULTIPLIED;
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
    px.transfer = COLORIZER_TRANSFER_LINEAR; /* of a gray image whose samples are not light: values as they are */
    if (status == COLORIZER_OK && role != CZ_IMAGE_GRAY) status = check_meaning(&m, name, &px, err);
    if (status != COLORIZER_OK) return status;
    status = check_memory(&m, name, cz_sample_bytes(px), (uint64_t)m.width * cz_pixel_bytes(px), err);
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
    const uintptr_t a = (uintptr_t)p->top, b = (uintptr_t)cz_row(p, p->height - 1);
    *begin = a < b ? a : b;
    *end = (a < b ? b : a) + (size_t)p->width * cz_pixel_bytes(p->px);
}

/** Equal sizes, and no byte in common; `name` is a's, and the other is b_name. */
static int32_t check_apart(const cz_pixels *a, const char *name, const cz_pixels *b, const char *b_name,
                           cz_error *err) {
    uintptr_t a0, a1, b0, b1;
    extent(a, &a0, &a1);
    extent(b, &b0, &b1);
    if (a0 < b1 && b0 < a1)
        return cz_fail(err, COLORIZER_E_OVERLAP, "%s.data[0]: overlaps %s without being the same image", name, b_name);
    return COLORIZER_OK;
}

static int32_t check_sizes(const cz_pixels *a, const char *name, const cz_pixels *b, const char *b_name,
                           cz_error *err) {
    if (a->width != b->width)
        return cz_fail(err, COLORIZER_E_IMAGE_SIZE, "%s.width: %u, but %s.width is %u", name, a->width, b_name,
                       b->width);
    if (a->height != b->height)
        return cz_fail(err, COLORIZER_E_IMAGE_SIZE, "%s.height: %u, but %s.height is %u", name, a->height, b_name,
                       b->height);
    return COLORIZER_OK;
}

int32_t cz_image_pair_check(const cz_pixels *src, const cz_pixels *dst, cz_error *err) {
    const int32_t status = check_sizes(dst, "dst", src, "src", err);
    const bool same_pixels = src->px.sample == dst->px.sample && src->px.channels == dst->px.channels &&
                             src->px.red == dst->px.red && src->px.alpha == dst->px.alpha;
    if (status != COLORIZER_OK || (src->top == dst->top && src->step == dst->step && same_pixels)) return status;
    return check_apart(dst, "dst", src, "src", err);
}

int32_t cz_image_mask_check(const cz_pixels *mask, const cz_pixels *dst, cz_error *err) {
    const int32_t status = check_sizes(mask, "mask", dst, "dst", err);
    return status == COLORIZER_OK ? check_apart(mask, "mask", dst, "dst", err) : status;
}
