/* SPDX-License-Identifier: BSD-2-Clause
 * What a colorizer_image must hold before a byte of it is touched. */
#include "image/image.h"

#include <string.h>

int32_t cz_image_read(const colorizer_image *given, const char *name, colorizer_image *image, cz_error *err) {
    const size_t least = offsetof(colorizer_image, size) + sizeof image->size[0];
    uint32_t size;
    if (given == NULL) return cz_fail(err, COLORIZER_E_ARGUMENT, "%s: NULL", name);
    memcpy(&size, given, sizeof size);
    if (size < least || size > 4096)
        return cz_fail(err, COLORIZER_E_ARGUMENT, "%s.struct_size: %u is not the size of a colorizer_image (%zu)", name,
                       size, sizeof *image);
    memset(image, 0, sizeof *image);
    memcpy(image, given, cz_min(size, sizeof *image));
    image->struct_size = sizeof *image;
    for (size_t i = sizeof *image; i < size; i++)
        if (((const unsigned char *)given)[i] != 0)
            return cz_fail(err, COLORIZER_E_ARGUMENT, "%s: byte %zu is set, in a field this library does not know",
                           name, i);
    return COLORIZER_OK;
}

/** Formats are 0x0FSS: family, sample type. */
static bool read_format(int32_t format, cz_layout_px *px, enum cz_kind *kind) {
    static const cz_layout_px families[7] = {{0},
                                             {.channels = 1},
                                             {.channels = 2, .alpha = 1},
                                             {.channels = 3, .red = 0, .green = 1, .blue = 2},
                                             {.channels = 4, .red = 0, .green = 1, .blue = 2, .alpha = 3},
                                             {.channels = 3, .red = 2, .green = 1, .blue = 0},
                                             {.channels = 4, .red = 2, .green = 1, .blue = 0, .alpha = 3}};
    const int32_t planes = format == COLORIZER_AB_F32         ? CZ_KIND_AB
                           : format == COLORIZER_NV12_U8      ? CZ_KIND_NV12
                           : format == COLORIZER_NV12_FULL_U8 ? CZ_KIND_NV12_FULL
                                                              : CZ_KIND_PIXELS;
    const int32_t family = planes == CZ_KIND_PIXELS ? format >> 8 : 1, sample = format & 0xFF;
    *kind = (enum cz_kind)planes;
    if (family < 1 || family > 6 || sample < CZ_SAMPLE_U8 || sample > CZ_SAMPLE_F16) return false;
    *px = families[family];
    px->sample = (uint8_t)sample;
    px->primaries = cz_primaries_srgb;
    return true;
}

static int32_t check_format(const colorizer_image *m, enum cz_image_role role, const char *name, cz_layout_px *px,
                            enum cz_kind *kind, cz_error *err) {
    if (!read_format(m->format, px, kind))
        return cz_fail(err, COLORIZER_E_PIXEL_FORMAT, "%s.format: 0x%x is not a pixel format", name,
                       (unsigned)m->format);
    if (role == CZ_IMAGE_SOURCE && *kind == CZ_KIND_AB)
        return cz_fail(err, COLORIZER_E_PIXEL_FORMAT, "%s.format: 0x%x has no luminance", name, (unsigned)m->format);
    if (role == CZ_IMAGE_TARGET && px->channels < 3 && *kind == CZ_KIND_PIXELS)
        return cz_fail(err, COLORIZER_E_PIXEL_FORMAT, "%s.format: 0x%x has no colour", name, (unsigned)m->format);
    if (role == CZ_IMAGE_GRAY && (px->channels != 1 || *kind != CZ_KIND_PIXELS))
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

/** Rows of a plane, and bytes of a row: chroma of NV12 has half of both sides, rounded up. */
static void plane_size(const cz_pixels *p, int plane, uint64_t *rows, uint64_t *row) {
    const bool half = plane == 1 && p->kind >= CZ_KIND_NV12;
    *rows = half ? ((uint64_t)p->height + 1) / 2 : p->height;
    *row = half ? ((uint64_t)p->width + 1) / 2 * 2 : (uint64_t)p->width * cz_pixel_bytes(p->px);
}

/** Checks the memory of one plane of `p` and gives its top row. */
static int32_t check_memory(const colorizer_image *m, const cz_pixels *p, int plane, const char *name,
                            unsigned char **top, cz_error *err) {
    const int64_t given = m->stride[plane];
    const size_t sample = cz_sample_bytes(p->px);
    const uint64_t stride = given < 0 ? 0 - (uint64_t)given : (uint64_t)given, limit = PTRDIFF_MAX;
    uint64_t rows, row;
    unsigned char *low = m->data[plane];
    plane_size(p, plane, &rows, &row);
    rows -= 1;
    if (low == NULL) return cz_fail(err, COLORIZER_E_ARGUMENT, "%s.data[%d]: NULL", name, plane);
    if ((uintptr_t)low % sample != 0)
        return cz_fail(err, COLORIZER_E_BUFFER, "%s.data[%d]: not aligned to its samples of %zu bytes", name, plane,
                       sample);
    if (stride < row)
        return cz_fail(err, COLORIZER_E_STRIDE, "%s.stride[%d]: %lld is smaller than a row of %llu bytes", name, plane,
                       (long long)given, (unsigned long long)row);
    if (stride % sample != 0)
        return cz_fail(err, COLORIZER_E_STRIDE, "%s.stride[%d]: %lld is not a multiple of the sample's %zu bytes", name,
                       plane, (long long)given, sample);
    /* last row's pixels inside: rows * stride + row <= size, in a form that cannot overflow */
    if (m->size[plane] < row || (rows != 0 && stride > (m->size[plane] - row) / rows))
        return cz_fail(err, COLORIZER_E_BUFFER, "%s.size[%d]: %llu bytes do not hold %llu rows %llu bytes apart", name,
                       plane, (unsigned long long)m->size[plane], (unsigned long long)(rows + 1),
                       (unsigned long long)stride);
    /* rows * stride + row now fits u64 */
    if (rows * stride + row > limit || rows * stride + row > UINTPTR_MAX - (uintptr_t)low)
        return cz_fail(err, COLORIZER_E_BUFFER, "%s.size[%d]: the image does not fit the address space", name, plane);
    *top = given < 0 ? low + (ptrdiff_t)rows * (ptrdiff_t)-given : low;
    return COLORIZER_OK;
}

static bool is_unset(const colorizer_image *m, int plane) {
    return m->data[plane] == NULL && m->stride[plane] == 0 && m->size[plane] == 0;
}

/** The planes that the format has, and no others. NV12's luma may be left out of a target, and its chroma is not of
 *  interest in a source. */
static int32_t check_planes(const colorizer_image *m, enum cz_image_role role, const char *name, cz_pixels *p,
                            cz_error *err) {
    const bool video = p->kind >= CZ_KIND_NV12, target = role == CZ_IMAGE_TARGET;
    const int planes = p->kind == CZ_KIND_PIXELS ? 1 : 2;
    int32_t status = COLORIZER_OK;
    p->step = (ptrdiff_t)m->stride[0];
    if (!(video && target && is_unset(m, 0))) status = check_memory(m, p, 0, name, &p->top, err);
    if (status == COLORIZER_OK && planes == 2 && target) {
        p->second_step = (ptrdiff_t)m->stride[1];
        status = check_memory(m, p, 1, name, &p->second, err);
    }
    for (int i = planes; i < 4 && status == COLORIZER_OK; i++)
        if (!is_unset(m, i))
            status = cz_fail(err, COLORIZER_E_ARGUMENT, "%s: plane %d is set, but the format has %d", name, i, planes);
    return status;
}

int32_t cz_image_check(const colorizer_image *given, enum cz_image_role role, const char *name, cz_pixels *out,
                       cz_error *err) {
    colorizer_image m;
    cz_pixels p = {.top = NULL};
    int32_t status = cz_image_read(given, name, &m, err);
    if (status != COLORIZER_OK) return status;
    if (m.width < 1 || m.width > COLORIZER_MAX_SIDE)
        return cz_fail(err, COLORIZER_E_IMAGE_SIZE, "%s.width: %d is not in 1..%d", name, m.width, COLORIZER_MAX_SIDE);
    if (m.height < 1 || m.height > COLORIZER_MAX_SIDE)
        return cz_fail(err, COLORIZER_E_IMAGE_SIZE, "%s.height: %d is not in 1..%d", name, m.height,
                       COLORIZER_MAX_SIDE);
    p.width = (uint32_t)m.width;
    p.height = (uint32_t)m.height;
    status = check_format(&m, role, name, &p.px, &p.kind, err);
    p.px.transfer = COLORIZER_TRANSFER_LINEAR; /* of a gray image whose samples are not light: values as they are */
    if (status == COLORIZER_OK && role != CZ_IMAGE_GRAY) status = check_meaning(&m, name, &p.px, err);
    if (status == COLORIZER_OK) status = check_planes(&m, role, name, &p, err);
    if (status == COLORIZER_OK) *out = p;
    return status;
}

/** First byte of a plane, and the byte after its last pixel's last; both 0 where the image has none. */
static void extent(const cz_pixels *p, int plane, uintptr_t *begin, uintptr_t *end) {
    uint64_t rows, row;
    plane_size(p, plane, &rows, &row);
    const unsigned char *top = plane == 0 ? p->top : p->second;
    *begin = *end = 0;
    if (top == NULL) return;
    const uintptr_t a = (uintptr_t)top;
    const uintptr_t b = (uintptr_t)(top + (ptrdiff_t)(rows - 1) * (plane == 0 ? p->step : p->second_step));
    *begin = a < b ? a : b;
    *end = (a < b ? b : a) + (size_t)row;
}

/** No byte in common. */
static bool is_apart(const cz_pixels *a, int plane_a, const cz_pixels *b, int plane_b) {
    uintptr_t a0, a1, b0, b1;
    extent(a, plane_a, &a0, &a1);
    extent(b, plane_b, &b0, &b1);
    return a1 <= b0 || b1 <= a0;
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
                             src->px.red == dst->px.red && src->px.alpha == dst->px.alpha && src->kind == dst->kind;
    const bool same = src->top == dst->top && src->step == dst->step && same_pixels;
    if (status != COLORIZER_OK) return status;
    for (int plane = 0; plane < 2; plane++)
        if (!is_apart(src, 0, dst, plane) && !(plane == 0 && same))
            return cz_fail(err, COLORIZER_E_OVERLAP, "dst.data[%d]: overlaps src without being the same image", plane);
    if (!is_apart(dst, 0, dst, 1)) return cz_fail(err, COLORIZER_E_OVERLAP, "dst.data[1]: overlaps dst.data[0]");
    return COLORIZER_OK;
}

int32_t cz_image_mask_check(const cz_pixels *mask, const cz_pixels *dst, cz_error *err) {
    const int32_t status = check_sizes(mask, "mask", dst, "dst", err);
    if (status == COLORIZER_OK && !(is_apart(mask, 0, dst, 0) && is_apart(mask, 0, dst, 1)))
        return cz_fail(err, COLORIZER_E_OVERLAP, "mask.data[0]: overlaps dst");
    return status;
}

int32_t cz_image_frame_check(const cz_pixels *dst, const cz_frame *frame, cz_error *err) {
    const bool wide = dst->width % 2 == 0 || frame->x + dst->width == frame->width;
    const bool high = dst->height % 2 == 0 || frame->y + dst->height == frame->height;
    if (cz_row_group(dst) == 1 || (frame->x % 2 == 0 && frame->y % 2 == 0 && wide && high)) return COLORIZER_OK;
    return cz_fail(err, COLORIZER_E_RANGE, "region: %u x %u pixels at %u, %u cut blocks of 2 x 2", dst->width,
                   dst->height, frame->x, frame->y);
}
