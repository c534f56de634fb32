/* SPDX-License-Identifier: BSD-2-Clause
 * What samples mean: primaries, transfer functions, premultiplied alpha, floats beyond 0..1, f16, masks. */
#include "image_case.h"

static cz_color_tables tables;
static const cz_exec one_thread = {.threads = 1};

/* ---------------------------------------------------------------- references in double */

/* Weights of luminance after Bradford's adaptation to D65, and the linear values of sRGB's red: by numpy from the
 * standards' chromaticities; those of Display P3 and ROMM are also in CSS Color 4's conversion matrices. */
static const struct {
    double weight[3], red[3];
} spaces[] = {{{0.2126, 0.7152, 0.0722}, {1, 0, 0}},
              {{0.22897, 0.69174, 0.07929}, {0.8225, 0.0332, 0.0171}},
              {{0.29734, 0.62736, 0.07529}, {0.7151, 0, 0}},
              {{0.26831, 0.71512, 0.01657}, {0.5293, 0.0984, 0.0169}},
              {{0.2627, 0.678, 0.0593}, {0.6274, 0.0691, 0.0164}}};

/* sRGB as its ICC profiles have it: adapted to D50. */
static const float srgb_icc[9] = {0.4360747f, 0.3850649f, 0.1430804f, 0.2225045f, 0.7168786f,
                                  0.0606169f, 0.0139322f, 0.0971045f, 0.7141733f};

enum { CURVE = 1025 };
static float curve[CURVE];

/** Black held for a hundredth, then a power; the end is held too. */
static void make_curve(void) {
    for (int i = 0; i < CURVE; i++) {
        const double s = fmin(fmax(((double)i / (CURVE - 1) - 0.01) / 0.97, 0), 1);
        curve[i] = (float)pow(s, 2.1);
    }
}

static double decoded(const colorizer_image *m, double v) {
    if (m->transfer == COLORIZER_TRANSFER_GAMMA) return copysign(pow(fabs(v), (double)m->gamma), v);
    if (m->transfer != COLORIZER_TRANSFER_CURVE) return to_light(v, m->transfer == COLORIZER_TRANSFER_LINEAR);
    const double at = fmin(fmax(v, 0), 1) * (m->curve_size - 1);
    const size_t i = cz_min((size_t)at, m->curve_size - 2);
    return (double)m->curve[i] + ((double)m->curve[i + 1] - (double)m->curve[i]) * (at - (double)i);
}

static double encoded(const colorizer_image *m, double light) {
    double low = 0, high = 1;
    if (m->transfer == COLORIZER_TRANSFER_GAMMA) return copysign(pow(fabs(light), 1 / (double)m->gamma), light);
    if (m->transfer != COLORIZER_TRANSFER_CURVE) return from_light(light, m->transfer == COLORIZER_TRANSFER_LINEAR);
    if (light >= 1) return 1;
    for (int i = 0; i < 50; i++) {
        const double middle = (low + high) / 2;
        *(decoded(m, middle) < light ? &low : &high) = middle;
    }
    return low;
}

static const unsigned char *pixel_of(const colorizer_image *m, size_t i) {
    return (const unsigned char *)m->data[0] + i * channels_of(m->format) * sample_bytes(m->format);
}

static double alpha_at(const colorizer_image *m, size_t i) {
    const size_t channels = channels_of(m->format);
    return channels % 2 != 0 || m->alpha == 0 ? 1 : fmax(sample_at(pixel_of(m, i), m->format, channels - 1), 0);
}

/** Luminance of pixel i of a dense image, by the header's words, and the most light a channel has. */
static double luminance_of(const colorizer_image *m, size_t i, double *largest) {
    const size_t channels = channels_of(m->format), red = m->format >> 8 >= 5 ? 2 : 0;
    const double alpha = alpha_at(m, i);
    const size_t index[3] = {channels < 3 ? 0 : red, 1, 2 - red};
    double c[3];
    for (size_t k = 0; k < 3; k++) {
        double v = sample_at(pixel_of(m, i), m->format, index[k]);
        v = alpha > 0 ? v / alpha : 0;
        if ((m->format & 0xFF) < 3) v = fmin(v, 1);
        c[k] = fmax(fmin(decoded(m, v), 0x1p64), -0x1p64);
    }
    *largest = fmax(fmax(fabs(c[0]), fabs(c[1])), fabs(c[2]));
    if (channels < 3) return c[0];
    cz_primaries p; /* its weights are compared with the standards' below */
    assert_true(cz_primaries_make(m->primaries, m->matrix, &p));
    return (double)p.weight[0] * c[0] + (double)p.weight[1] * c[1] + (double)p.weight[2] * c[2];
}

/** Steps of its format by which the luminance of dst differs from that of src, at most. */
static double luminance_error(const colorizer_image *src, const colorizer_image *dst) {
    const bool codes = (dst->format & 0xFF) < 3;
    double worst = 0;
    for (size_t i = 0; i < (size_t)src->width * (size_t)src->height; i++) {
        double most_in, most_out, want = luminance_of(src, i, &most_in);
        const double got = luminance_of(dst, i, &most_out), alpha = alpha_at(dst, i);
        if (most_in > 16 * fmax(1, fabs(want))) continue; /* channels cancel: their rounding is what is left */
        if (codes || dst->transfer == COLORIZER_TRANSFER_CURVE) want = fmin(fmax(want, 0), 1);
        if (alpha <= 0) continue;
        const double most = (dst->format & 0xFF) == 4 ? 65504 / alpha : INFINITY;
        const double a = fmax(fmin(encoded(dst, want), most), -most), b = encoded(dst, got);
        double unit = codes ? top_of(dst->format) * alpha : 65535;
        if ((dst->format & 0xFF) == 4) unit = fmin(2048, alpha * 0x1p23); /* 11 bits, or what subnormals leave */
        double e = fabs(a - b) * unit / fmax(1, fabs(a));
        /* the curve is flat at its ends: no sample tells lights apart there */
        if (dst->transfer == COLORIZER_TRANSFER_CURVE && (want <= 1e-6 || want >= 1 - 1e-6))
            e = fabs(got - want) * unit;
        worst = fmax(worst, e);
    }
    return worst;
}

/* ---------------------------------------------------------------- images */

static colorizer_image picture(int32_t format, int32_t width, int32_t height) {
    return image_of(get(16 * (size_t)width * (size_t)height), format, width, height, 0);
}

static void render(int32_t cpu, const colorizer_image *src, const colorizer_image *dst, float (*lines)(size_t)) {
    const cz_pixels in = checked(src, CZ_IMAGE_SOURCE), out = checked(dst, CZ_IMAGE_TARGET);
    const cz_color_job job = job_of(cpu, &tables, &one_thread, in.width, in.height, 32);
    float *fit = get(sizeof(float) * cz_fit_size(&job.grid));
    for (size_t i = 0; i < cz_fit_size(&job.grid); i++) fit[i] = lines(i);
    render_all(&job, &in, &out, fit, 1);
    free(fit);
}

static float wild(size_t i) { return (float)((i * 7919) % 121) - 60; }
static float none(size_t i) {
    (void)i;
    return 0;
}

/** A transfer, by its number; 4 is another gamma. */
static void set_transfer(colorizer_image *m, int transfer) {
    m->transfer = transfer % 4;
    m->gamma = transfer == 2 ? 2.19921875f : 1.8f;
    if (transfer == 4) m->transfer = COLORIZER_TRANSFER_GAMMA;
    m->curve = curve;
    m->curve_size = CURVE;
}

/** Colours that the alpha of a premultiplied image allows. */
static void hold_below_alpha(const colorizer_image *m) {
    const size_t channels = channels_of(m->format);
    unsigned char *p = m->data[0];
    if ((m->format & 0xFF) > 2 || channels % 2 != 0 || m->alpha == 0) return;
    for (size_t i = 0; i < (size_t)m->width * (size_t)m->height * channels; i += channels)
        for (size_t k = 0; k + 1 < channels; k++) {
            if ((m->format & 0xFF) == 1 && p[i + k] > p[i + channels - 1]) p[i + k] = p[i + channels - 1];
            uint16_t *u = (uint16_t *)(void *)p;
            if ((m->format & 0xFF) == 2 && u[i + k] > u[i + channels - 1]) u[i + k] = u[i + channels - 1];
        }
}

/* ---------------------------------------------------------------- primaries */

static void named_spaces_are_the_standards(void **state) {
    (void)state;
    for (int32_t s = 0; s < 5; s++) {
        cz_primaries p;
        assert_true(cz_primaries_make(s, NULL, &p));
        const double x = 0.4124 / 0.9505, y = 0.2126, z = 0.0193 / 1.089; /* sRGB's red over white */
        for (int i = 0; i < 3; i++) {
            const double c = y + (double)p.x[i] * (x - y) + (double)p.z[i] * (z - y);
            assert_true(fabs((double)p.weight[i] - spaces[s].weight[i]) < 1e-4);
            assert_true(fabs(c - spaces[s].red[i]) < 4e-4);
        }
    }
}

static void an_icc_matrix_is_the_named_space(void **state) {
    (void)state;
    float hundred[9];
    cz_primaries p[2];
    for (int i = 0; i < 9; i++) hundred[i] = 100 * srgb_icc[i];
    assert_true(cz_primaries_make(COLORIZER_PRIMARIES_MATRIX, srgb_icc, &p[0]));
    assert_true(cz_primaries_make(COLORIZER_PRIMARIES_MATRIX, hundred, &p[1]));
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < 3; i++) {
            assert_true(fabsf(p[k].weight[i] - cz_primaries_srgb.weight[i]) < 2e-4f);
            assert_true(fabsf(p[k].x[i] - cz_primaries_srgb.x[i]) < 3e-3f);
            assert_true(fabsf(p[k].z[i] - cz_primaries_srgb.z[i]) < 3e-3f);
        }
}

static void other_matrices_are_refused(void **state) {
    (void)state;
    static const float bad[][9] = {{0},
                                   {1, 1, 1, 1, 1, 1, 1, 1, 1},
                                   {NAN, 0.4f, 0.1f, 0.2f, 0.7f, 0.1f, 0, 0.1f, 0.7f},
                                   {INFINITY, 0.4f, 0.1f, 0.2f, 0.7f, 0.1f, 0, 0.1f, 0.7f},
                                   {3e38f, 3e38f, 3e38f, 3e38f, -3e38f, 3e38f, 3e38f, 3e38f, 3e38f},
                                   {-0.4361f, -0.3851f, -0.1431f, -0.2225f, -0.7169f, -0.0606f, 0, -0.0971f, -0.7142f},
                                   /* blue, green, red with blue the lightest */
                                   {0.1431f, 0.3851f, 0.4361f, 0.7169f, 0.2225f, 0.0606f, 0.7142f, 0.0971f, 0.0139f}};
    cz_primaries p;
    for (size_t i = 0; i < CZ_COUNT(bad); i++)
        if (cz_primaries_make(COLORIZER_PRIMARIES_MATRIX, bad[i], &p)) fail_msg("matrix %zu", i);
}

/** One colour in every space: the light that arrives is the same. */
static void colours_are_the_same_in_every_space(void **state) {
    (void)state;
    const cz_color_kernels *k = cz_color(cz_cpu_choose(COLORIZER_CPU_BEST));
    static const float lines[4] = {0, 12, 0, -9}, one = 1;
    const float *const rows[4] = {&lines[0], &lines[1], &lines[2], &lines[3]}, y = 0.3f;
    float l;
    double truth[3] = {0};
    k->lightness(&y, 1, &l);
    for (int32_t s = 0; s <= COLORIZER_PRIMARIES_MATRIX; s++) {
        cz_primaries p;
        float c[3];
        assert_true(cz_primaries_make(s, srgb_icc, &p));
        k->colour(&p, false, rows, 1, 1, 0, &y, &l, &one, 1, &c[0], &c[1], &c[2]);
        /* back to X and Z by solving c = Y + x (X - Y) + z (Z - Y) for two of the channels */
        const double d = (double)p.x[0] * (double)p.z[2] - (double)p.x[2] * (double)p.z[0];
        const double r = (double)c[0] - (double)y, b = (double)c[2] - (double)y;
        const double xz[2] = {(r * (double)p.z[2] - b * (double)p.z[0]) / d,
                              (b * (double)p.x[0] - r * (double)p.x[2]) / d};
        for (int i = 0; i < 2; i++) {
            if (s == 0) truth[i] = xz[i];
            assert_true(fabs(xz[i] - truth[i]) < 1e-4);
        }
        if (s > 0 && s < 5) assert_true(fabsf(c[0] - y) > 1e-3f);
    }
}

/** A wider space holds more chroma at the same luminance, and channels stay in 0..1. */
static void the_gamut_is_that_of_the_destination(void **state) {
    (void)state;
    const cz_color_kernels *k = cz_color(cz_cpu_choose(COLORIZER_CPU_BEST));
    static const float one = 1, y = 0.4f;
    const float lines[4] = {0, -128, 0, 100}; /* a green beyond all */
    const float *const rows[4] = {&lines[0], &lines[1], &lines[2], &lines[3]};
    float l, chroma[5];
    k->lightness(&y, 1, &l);
    for (int32_t s = 0; s < 5; s++) {
        cz_primaries p;
        float c[3];
        assert_true(cz_primaries_make(s, NULL, &p));
        k->colour(&p, false, rows, 1, 1, 0, &y, &l, &one, 1, &c[0], &c[1], &c[2]);
        for (int i = 0; i < 3; i++) assert_true(c[i] >= 0 && c[i] <= 1);
        const float d = p.x[0] * p.z[2] - p.x[2] * p.z[0];
        chroma[s] = -((c[0] - y) * p.z[2] - (c[2] - y) * p.z[0]) / d; /* Y - X */
    }
    assert_true(chroma[COLORIZER_PRIMARIES_DISPLAY_P3] > 1.05f * chroma[COLORIZER_PRIMARIES_SRGB]);
    assert_true(chroma[COLORIZER_PRIMARIES_BT2020] > 1.05f * chroma[COLORIZER_PRIMARIES_DISPLAY_P3]);
    assert_true(chroma[COLORIZER_PRIMARIES_PROPHOTO] > 1.05f * chroma[COLORIZER_PRIMARIES_ADOBE_RGB]);
}

/* ---------------------------------------------------------------- luminance */

static void luminance_is_kept_whatever_samples_mean(void **state) {
    (void)state;
    double worst = 0;
    for (int round = 0; round < 4000; round++) {
        const int32_t from = (int32_t)((1 + random_u32() % 6) << 8 | (1 + random_u32() % 4));
        const int32_t to = (int32_t)((3 + random_u32() % 4) << 8 | (1 + random_u32() % 4));
        colorizer_image src = picture(from, 1 + (int32_t)(random_u32() % 40), 3);
        colorizer_image dst = picture(to, src.width, 3);
        put_random(src.data[0], from, 3 * (size_t)src.width * channels_of(from));
        colorizer_image *const both[2] = {&src, &dst};
        for (int k = 0; k < 2; k++) {
            set_transfer(both[k], (int)(random_u32() % 5));
            both[k]->primaries = (int32_t)(random_u32() % 6);
            memcpy(both[k]->matrix, srgb_icc, sizeof srgb_icc);
            both[k]->alpha = (int32_t)(random_u32() % 2);
        }
        hold_below_alpha(&src);
        render(COLORIZER_CPU_BEST, &src, &dst, wild);
        const double e = luminance_error(&src, &dst);
        if (!(e <= 1))
            fail_msg("%x to %x, transfers %d %d, primaries %d %d, alpha %d %d: off by %f", (unsigned)from, (unsigned)to,
                     src.transfer, dst.transfer, src.primaries, dst.primaries, src.alpha, dst.alpha, e);
        worst = fmax(worst, e);
        free(src.data[0]);
        free(dst.data[0]);
    }
    print_message("largest difference of luminance: %.3f steps\n", worst);
}

/** Without chroma a gray code comes back as it is, in every transfer without a flat piece. */
static void gray_codes_come_back(void **state) {
    (void)state;
    static const int transfers[] = {0, 1, 2, 4};
    for (size_t t = 0; t < CZ_COUNT(transfers); t++)
        for (int32_t sample = 1; sample <= 2; sample++) {
            colorizer_image src = picture(0x100 + sample, 256, 256), dst = picture(0x300 + sample, 256, 256);
            for (size_t i = 0; i < 65536; i++) {
                if (sample == 1) ((uint8_t *)src.data[0])[i] = (uint8_t)i;
                if (sample == 2) ((uint16_t *)src.data[0])[i] = (uint16_t)i;
            }
            set_transfer(&src, transfers[t]);
            set_transfer(&dst, transfers[t]);
            dst.primaries = (int32_t)t + 1;
            render(COLORIZER_CPU_BEST, &src, &dst, none);
            for (size_t i = 0; i < 65536; i++)
                for (size_t c = 0; c < 3; c++)
                    assert_memory_equal(pixel_of(&dst, i) + c * sample_bytes(dst.format), pixel_of(&src, i),
                                        sample_bytes(dst.format));
            free(src.data[0]);
            free(dst.data[0]);
        }
}

/** White is 1, nothing is above it, and of floats one after the other none gives less than the one below it, but for
 * the last bit of the powers. */
static void samples_rise_to_white(void **state) {
    (void)state;
    enum { N = 1 << 16 };
    float *light = get(4 * N), *out = get(12 * N);
    for (int transfer = 0; transfer < 5; transfer++) {
        colorizer_image m = image_of(out, COLORIZER_RGB_F32, 1, 1, 0);
        float above = 1;
        set_transfer(&m, transfer);
        const cz_pixels p = checked(&m, CZ_IMAGE_TARGET);
        for (size_t part = 0; part < 64; part++) { /* the uppermost 2^22 floats below 1: from 0.75 */
            for (uint32_t i = 0; i < N; i++) {
                const uint32_t bits = 0x3F800000u - (uint32_t)part * N - i;
                memcpy(&light[i], &bits, 4);
            }
            cz_color(cz_cpu_choose(COLORIZER_CPU_BEST))->encode(&tables, p.px, light, light, light, light, N, out);
            if (part == 0) assert_true(out[0] == 1 && out[1] == 1 && out[2] == 1);
            for (size_t i = 0; i < 3 * N; above = fminf(above, out[i++]))
                if (!(out[i] <= 1 && out[i] <= above + 0x1p-24f))
                    fail_msg("transfer %d: %.9g over %.9g", transfer, (double)out[i], (double)above);
        }
    }
    free(light);
    free(out);
}

/* ---------------------------------------------------------------- curves */

/** A curve made of a formula's values is nearly the formula. */
static void a_curve_is_its_formula(void **state) {
    (void)state;
    enum { N = 4096, W = 500 };
    static float table[N];
    for (int i = 0; i < N; i++) table[i] = (float)to_light((double)i / (N - 1), false);
    colorizer_image src = picture(COLORIZER_GRAY_U16, W, 1),
                    dst[2] = {picture(COLORIZER_RGB_F32, W, 1), picture(COLORIZER_RGB_F32, W, 1)};
    for (size_t i = 0; i < W; i++) ((uint16_t *)src.data[0])[i] = (uint16_t)(i * 131);
    for (int k = 0; k < 2; k++) {
        dst[k].transfer = src.transfer = k == 0 ? COLORIZER_TRANSFER_SRGB : COLORIZER_TRANSFER_CURVE;
        dst[k].curve = src.curve = table;
        dst[k].curve_size = src.curve_size = N;
        render(COLORIZER_CPU_BEST, &src, &dst[k], wild);
    }
    for (size_t i = 0; i < 3 * W; i++) { /* the share of chroma that fits is found to 1 / 4096 */
        const float difference = fabsf(((float *)dst[0].data[0])[i] - ((float *)dst[1].data[0])[i]);
        if (!(difference < 5e-4f)) fail_msg("sample %zu: %g", i, (double)difference);
    }
    free(src.data[0]);
    free(dst[0].data[0]);
    free(dst[1].data[0]);
}

/** Where a curve is flat, black stays the lowest sample and white the highest. */
static void flat_ends_of_a_curve(void **state) {
    (void)state;
    static const float step[] = {0, 0, 0, 1, 1};
    colorizer_image src = picture(COLORIZER_GRAY_U8, 3, 1), dst = picture(COLORIZER_RGB_U8, 3, 1);
    memcpy(src.data[0], "\0\200\377", 3);
    dst.transfer = COLORIZER_TRANSFER_CURVE;
    dst.curve = step;
    dst.curve_size = 5;
    src.transfer = COLORIZER_TRANSFER_LINEAR;
    render(COLORIZER_CPU_BEST, &src, &dst, none);
    const uint8_t *p = dst.data[0];
    assert_int_equal(p[0], 0);
    assert_int_equal(p[3], 160); /* half a way from 0.5 to 0.75 */
    assert_int_equal(p[6], 255);
    free(src.data[0]);
    free(dst.data[0]);
}

/* ---------------------------------------------------------------- alpha */

/** What is written premultiplied is what is written straight, times alpha; alpha keeps its bits, NaN and all. */
static void premultiplied_is_straight_times_alpha(void **state) {
    (void)state;
    enum { N = 600 };
    for (int32_t sample = 1; sample <= 4; sample++) {
        colorizer_image src = picture(0x200 + sample, N, 1),
                        dst[2] = {picture(0x400 + sample, N, 1), picture(0x400 + sample, N, 1)};
        put_random(src.data[0], src.format, 2 * N);
        dst[1].alpha = COLORIZER_ALPHA_PREMULTIPLIED;
        for (int k = 0; k < 2; k++) render(COLORIZER_CPU_BEST, &src, &dst[k], wild);
        for (size_t i = 0; i < N; i++) {
            const unsigned char *in = pixel_of(&src, i), *a = pixel_of(&dst[0], i), *b = pixel_of(&dst[1], i);
            const size_t bytes = sample_bytes(dst[0].format);
            assert_memory_equal(a + 3 * bytes, in + bytes, bytes);
            assert_memory_equal(b + 3 * bytes, in + bytes, bytes);
            const double alpha = fmax(sample_at(a, dst[0].format, 3), 0);
            for (size_t c = 0; c < 3; c++) {
                const double straight = sample_at(a, dst[0].format, c), got = sample_at(b, dst[0].format, c);
                if (alpha == 0) assert_true(got == 0);
                if (sample < 3 && c == 1) continue; /* green makes up for the rounding of the others */
                const double want = straight * alpha, step = sample == 4   ? 1e-3 + alpha * 0x1p-24
                                                             : sample == 3 ? 1e-6
                                                                           : 1.01;
                if (fabs(want) > 60000 || fabs(straight) > 60000) continue; /* the ends of f16 */
                if (!(fabs(want - got) * top_of(dst[0].format) <= step * fmax(1, fabs(want))))
                    fail_msg("sample type %d: %g at alpha %g became %g", sample, straight, alpha, got);
            }
        }
        free(src.data[0]);
        free(dst[0].data[0]);
        free(dst[1].data[0]);
    }
}

/** A premultiplied source is read as the straight one it was made of. */
static void premultiplied_sources(void **state) {
    (void)state;
    enum { N = 300 };
    colorizer_image straight = picture(COLORIZER_RGBA_F32, N, 1), times = picture(COLORIZER_RGBA_F32, N, 1);
    colorizer_image dst[2] = {picture(COLORIZER_RGB_F32, N, 1), picture(COLORIZER_RGB_F32, N, 1)};
    float *a = straight.data[0], *b = times.data[0];
    for (size_t i = 0; i < N; i++) {
        a[4 * i + 3] = b[4 * i + 3] = i % 7 == 0 ? 0 : random_in(0.01f, 1.5f);
        for (size_t k = 0; k < 3; k++) {
            a[4 * i + k] = i % 7 == 0 ? 0 : random_in(-0.1f, 1.2f);
            b[4 * i + k] = a[4 * i + k] * b[4 * i + 3];
        }
        if (i % 7 == 0) b[4 * i] = 0.5f; /* colour without alpha is nothing */
    }
    times.alpha = COLORIZER_ALPHA_PREMULTIPLIED;
    render(COLORIZER_CPU_BEST, &straight, &dst[0], wild);
    render(COLORIZER_CPU_BEST, &times, &dst[1], wild);
    for (size_t i = 0; i < 3 * N; i++)
        assert_true(fabsf(((float *)dst[0].data[0])[i] - ((float *)dst[1].data[0])[i]) < 2e-5f);
    free(a);
    free(b);
    free(dst[0].data[0]);
    free(dst[1].data[0]);
}

/* ---------------------------------------------------------------- floats */

static void floats_beyond_white_stay_and_are_gray(void **state) {
    (void)state;
    static const float values[] = {1.0001f, 1.5f, 12, 65504, 1e10f, -0.001f, -3, -1e9f};
    enum { N = CZ_COUNT(values) };
    for (int transfer = 0; transfer < 3; transfer++) {
        colorizer_image src = picture(COLORIZER_GRAY_F32, N, 1), dst = picture(COLORIZER_RGB_F32, N, 1);
        set_transfer(&src, transfer);
        set_transfer(&dst, transfer);
        memcpy(src.data[0], values, sizeof values);
        render(COLORIZER_CPU_BEST, &src, &dst, wild);
        const float *p = dst.data[0];
        for (size_t i = 0; i < N; i++) {
            const double most = encoded(&dst, 0x1p64), want = fmax(fmin((double)values[i], most), -most);
            for (size_t c = 0; c < 3; c++) {
                if (!(fabs((double)p[3 * i + c] - want) <= 2e-6 * fabs(want)))
                    fail_msg("transfer %d: %g became %g", transfer, (double)values[i], (double)p[3 * i + c]);
            }
        }
        free(src.data[0]);
        free(dst.data[0]);
    }
}

static void what_is_no_number_has_a_value(void **state) {
    (void)state;
    static const float odd[] = {NAN, -NAN, INFINITY, -INFINITY}, means[] = {0, 0, 1, 0};
    for (int32_t family = 1; family <= 6; family++)
        for (int premultiplied = 0; premultiplied < 2; premultiplied++)
            for (size_t i = 0; i < CZ_COUNT(odd); i++) {
                const size_t channels = channels_of(family << 8);
                float in[4], dull[4];
                colorizer_image src = image_of(in, family << 8 | 3, 1, 1, 0), dst[2];
                for (size_t k = 0; k < 4; k++) in[k] = dull[k] = 0.6f;
                src.alpha = premultiplied;
                in[channels == 3 ? 1 : channels - 1] = odd[i];
                dull[channels == 3 ? 1 : channels - 1] = means[i];
                for (int k = 0; k < 2; k++) {
                    dst[k] = picture(COLORIZER_RGB_F32, 1, 1);
                    src.data[0] = k == 0 ? in : dull;
                    render(COLORIZER_CPU_BEST, &src, &dst[k], wild);
                }
                for (size_t k = 0; k < 3; k++) assert_true(isfinite(((float *)dst[0].data[0])[k]));
                assert_memory_equal(dst[0].data[0], dst[1].data[0], 12);
                free(dst[0].data[0]);
                free(dst[1].data[0]);
            }
}

/** The network's picture is the same whether a highlight is 1 or 10^30, or a hole 0, NaN or -10^30. */
static void no_value_reaches_its_neighbours(void **state) {
    (void)state;
    enum { W = 90, H = 70 };
    static const float odd[2][3] = {{1, 1e30f, INFINITY}, {0, NAN, -1e30f}};
    float *pixels = get(4 * W * H), *light[2];
    const cz_color_job job = job_of(COLORIZER_CPU_BEST, &tables, &one_thread, W, H, 32);
    const size_t bytes = sizeof(float) * job.grid.pw * job.grid.ph;
    void *scratch = get(cz_lightness_scratch(&job.grid));
    for (int k = 0; k < 2; k++) light[k] = get(bytes);
    for (int kind = 0; kind < 2; kind++)
        for (int j = 0; j < 3; j++) {
            const colorizer_image m = image_of(pixels, COLORIZER_GRAY_F32, W, H, 0);
            const cz_pixels src = checked(&m, CZ_IMAGE_SOURCE);
            for (size_t i = 0; i < W * H; i++) pixels[i] = i % 23 == 0 ? odd[kind][j] : (float)(i % W) / (2 * W) + 0.2f;
            cz_lightness_rows(&job, &src, light[j > 0], 0, job.grid.h, scratch);
            if (j > 0) assert_memory_equal(light[0], light[1], bytes);
        }
    free(pixels);
    free(light[0]);
    free(light[1]);
    free(scratch);
}

static void halves_are_exact_and_nearest(void **state) {
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        const float f = cz_half_to_float((uint16_t)h);
        const int exponent = (int)(h >> 10 & 31);
        const double sign = h >> 15 ? -1 : 1, fraction = (double)(h & 1023) / 1024;
        if (exponent == 31) {
            assert_true((h & 1023) == 0 ? isinf(f) && f * (float)sign > 0 : isnan(f));
            assert_int_equal(cz_half_from_float(f) & 0x7FFF, (h & 1023) == 0 ? 0x7BFF : 0x7E00);
            continue;
        }
        assert_true((double)f == sign * (exponent == 0 ? ldexp(fraction, -14) : ldexp(1 + fraction, exponent - 15)));
        assert_int_equal(cz_half_from_float(f), h);
        if ((h & 0x7FFF) == 0x7BFF) continue;
        /* half way to the next in size: the even one; a little off: the nearer one */
        const float next = cz_half_to_float((uint16_t)(h + 1)), middle = (f + next) / 2;
        assert_int_equal(cz_half_from_float(middle), h & 1 ? h + 1 : h);
        assert_int_equal(cz_half_from_float(nextafterf(middle, f)), h);
        assert_int_equal(cz_half_from_float(nextafterf(middle, next)), h + 1);
    }
    assert_int_equal(cz_half_from_float(1e30f), 0x7BFF);
    assert_int_equal(cz_half_from_float(-65519), 0xFBFF);
}

/* ---------------------------------------------------------------- same bits */

static void bits_are_the_same_on_every_set(void **state) {
    (void)state;
    for (int round = 0; round < 400; round++) {
        const int32_t from = (int32_t)((1 + random_u32() % 6) << 8 | (1 + random_u32() % 4));
        const int32_t to = (int32_t)((3 + random_u32() % 4) << 8 | (1 + random_u32() % 4));
        colorizer_image src = picture(from, 600, 2), dst[2] = {picture(to, 600, 2), picture(to, 600, 2)};
        put_random(src.data[0], from, 1200 * channels_of(from));
        set_transfer(&src, (int)(random_u32() % 5));
        src.primaries = (int32_t)(random_u32() % 5);
        src.alpha = (int32_t)(random_u32() % 2);
        for (int k = 0; k < 2; k++) {
            set_transfer(&dst[k], round % 5);
            dst[k].primaries = round % 6;
            memcpy(dst[k].matrix, srgb_icc, sizeof srgb_icc);
            dst[k].alpha = round % 2;
        }
        render(COLORIZER_CPU_SCALAR, &src, &dst[0], wild);
        for (size_t i = 1; i < CZ_COUNT(cpus); i++) {
            if (!cz_cpu_supported(cpus[i])) continue;
            render(cpus[i], &src, &dst[1], wild);
            if (memcmp(dst[0].data[0], dst[1].data[0], dst[0].size[0]) != 0)
                fail_msg("%s, %x to %x, transfer %d", cz_cpu_name(cpus[i]), (unsigned)from, (unsigned)to,
                         dst[0].transfer);
        }
        if (from == to) { /* in place, with other meaning of the same memory */
            colorizer_image same = dst[0];
            same.data[0] = src.data[0];
            render(COLORIZER_CPU_BEST, &src, &same, wild);
            assert_memory_equal(src.data[0], dst[0].data[0], src.size[0]);
        }
        free(src.data[0]);
        free(dst[0].data[0]);
        free(dst[1].data[0]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(named_spaces_are_the_standards),
        cmocka_unit_test(an_icc_matrix_is_the_named_space),
        cmocka_unit_test(other_matrices_are_refused),
        cmocka_unit_test(colours_are_the_same_in_every_space),
        cmocka_unit_test(the_gamut_is_that_of_the_destination),
        cmocka_unit_test(luminance_is_kept_whatever_samples_mean),
        cmocka_unit_test(gray_codes_come_back),
        cmocka_unit_test(samples_rise_to_white),
        cmocka_unit_test(a_curve_is_its_formula),
        cmocka_unit_test(flat_ends_of_a_curve),
        cmocka_unit_test(premultiplied_is_straight_times_alpha),
        cmocka_unit_test(premultiplied_sources),
        cmocka_unit_test(floats_beyond_white_stay_and_are_gray),
        cmocka_unit_test(what_is_no_number_has_a_value),
        cmocka_unit_test(no_value_reaches_its_neighbours),
        cmocka_unit_test(halves_are_exact_and_nearest),
        cmocka_unit_test(bits_are_the_same_on_every_set),
    };
    make_curve();
    cz_color_tables_init(&tables, cz_color(cz_cpu_choose(COLORIZER_CPU_BEST)));
    return cmocka_run_group_tests_name("pixels", tests, NULL, NULL);
}
