/* SPDX-License-Identifier: BSD-2-Clause
 * Colour: luminance is kept, gray stays gray, the gamut map keeps hue and lightness, chroma follows its formula, and
 * the bits are the same for every instruction set, cut and thread. */
#include "image_case.h"

static cz_color_tables tables;
static const cz_exec one_thread = {.threads = 1};

/* ---------------------------------------------------------------- luminance */

/** How far a luminance is from what it should be, as gray samples of `format` in its steps (1/65535 for f32, of values
 *  above 1 relative). Codes end at black and white. */
static double difference(double want, double got, int32_t format, bool linear) {
    const bool codes = (format & 0xFF) < 3;
    if (codes) want = fmin(fmax(want, 0), 1);
    const double a = from_light(want, linear), b = from_light(got, linear);
    return fabs(a - b) / fmax(1, fabs(a)) * ((format & 0xFF) == 1 ? 255 : 65535);
}

/** Largest difference of luminance. */
static double luminance_error(const cz_pixels *src, int32_t src_format, const cz_pixels *dst, int32_t dst_format) {
    const bool from_linear = src->px.transfer == COLORIZER_TRANSFER_LINEAR;
    const bool to_linear = dst->px.transfer == COLORIZER_TRANSFER_LINEAR;
    double worst = 0;
    for (size_t y = 0; y < src->height; y++)
        for (size_t x = 0; x < src->width; x++) {
            const double in = luminance_at(cz_row(src, y) + x * cz_pixel_bytes(src->px), src_format, from_linear);
            const double out = luminance_at(cz_row(dst, y) + x * cz_pixel_bytes(dst->px), dst_format, to_linear);
            worst = fmax(worst, difference(in, out, dst_format, to_linear));
        }
    return worst;
}

/** One pair of formats, transfers and strides; row padding of both must stay as it was. */
static double luminance_case(int32_t from, int32_t to, int transfers, int64_t gap, bool up, size_t width, size_t height,
                             const char **why) {
    const size_t from_row = width * channels_of(from) * sample_bytes(from);
    const size_t to_row = width * channels_of(to) * sample_bytes(to);
    const int64_t s_stride = (int64_t)from_row + gap, d_stride = (int64_t)to_row + gap;
    unsigned char *in = get((size_t)s_stride * height), *out = get((size_t)d_stride * height);
    unsigned char *held = get((size_t)s_stride * height);
    put_random(in, from, (size_t)s_stride * height / sample_bytes(from));
    memcpy(held, in, (size_t)s_stride * height);
    memset(out, 0xA5, (size_t)d_stride * height);
    colorizer_image s = image_of(in, from, (int32_t)width, (int32_t)height, s_stride);
    colorizer_image d = image_of(out, to, (int32_t)width, (int32_t)height, up ? -d_stride : d_stride);
    s.transfer = transfers & 1;
    d.transfer = transfers >> 1;
    const cz_pixels src = checked(&s, CZ_IMAGE_SOURCE), dst = checked(&d, CZ_IMAGE_TARGET);
    const cz_color_job job = job_of(COLORIZER_CPU_BEST, &tables, &one_thread, src.width, src.height, 32);
    float *fit = wild_lines(&job.grid);
    render_all(&job, &src, &dst, fit, random_u32() % 3 == 0 ? 0.5f : 1.0f);
    for (size_t y = 0; y < height; y++)
        for (size_t x = to_row; x < (size_t)d_stride; x++)
            if (out[y * (size_t)d_stride + x] != 0xA5) *why = "row padding was written";
    if (memcmp(in, held, (size_t)s_stride * height) != 0) *why = "the source was written";
    const size_t alpha = channels_of(to) == 4 ? 3 : 0, from_alpha = channels_of(from) % 2 == 0;
    for (size_t y = 0; y < height && alpha != 0; y++)
        for (size_t x = 0; x < width; x++) {
            const unsigned char *a = cz_row(&src, y) + x * channels_of(from) * sample_bytes(from);
            const unsigned char *b = cz_row(&dst, y) + x * 4 * sample_bytes(to);
            double want = from_alpha ? sample_at(a, from, channels_of(from) - 1) : 1;
            if ((to & 0xFF) < 3) want = fmin(fmax(want, 0), 1);
            if (fabs(sample_at(b, to, 3) - want) > 0.5001 / top_of(to) * ((to & 0xFF) != 3) + 1e-7)
                *why = "alpha is not that of the source";
        }
    const double error = luminance_error(&src, from, &dst, to);
    free(in);
    free(out);
    free(held);
    free(fit);
    return error;
}

static void luminance_is_kept_in_every_format(void **state) {
    (void)state;
    double worst = 0;
    for (int32_t from = 0x100; from <= 0x600; from += 0x100)
        for (int32_t to = 0x300; to <= 0x600; to += 0x100)
            for (int32_t types = 0; types < 9; types++)
                for (int transfers = 0; transfers < 4; transfers++) {
                    const int32_t f = from + 1 + types % 3, t = to + 1 + types / 3;
                    const int64_t gap = 4 * (random_u32() % 4);
                    const char *why = NULL;
                    const double e = luminance_case(f, t, transfers, gap, random_u32() % 2, 1 + random_u32() % 61,
                                                    1 + random_u32() % 9, &why);
                    if (why != NULL) fail_msg("%x to %x, transfers %d: %s", (unsigned)f, (unsigned)t, transfers, why);
                    if (!(e <= 1))
                        fail_msg("%x to %x, transfers %d: off by %f", (unsigned)f, (unsigned)t, transfers, e);
                    worst = fmax(worst, e);
                }
    print_message("largest difference of luminance: %.3f steps\n", worst);
}

/** Every gray code with every extreme of ab. */
static void luminance_is_kept_at_extreme_chroma(void **state) {
    (void)state;
    static const float extremes[] = {-128, -60, -5, 0, 5, 60, 128};
    uint16_t *in = get(2 * 65536), *out = get(6 * 65536);
    uint8_t *in8 = get(256), *out8 = get(3 * 256);
    double worst = 0, worst8 = 0;
    size_t exact = 0, all = 0;
    for (size_t i = 0; i < 65536; i++) in[i] = (uint16_t)i;
    for (size_t i = 0; i < 256; i++) in8[i] = (uint8_t)i;
    for (size_t c = 0; c < CZ_COUNT(extremes) * CZ_COUNT(extremes); c++) {
        const float a = extremes[c / CZ_COUNT(extremes)], b = extremes[c % CZ_COUNT(extremes)];
        const colorizer_image s = image_of(in, COLORIZER_GRAY_U16, 256, 256, 0);
        const colorizer_image d = image_of(out, COLORIZER_RGB_U16, 256, 256, 0);
        const colorizer_image s8 = image_of(in8, COLORIZER_GRAY_U8, 16, 16, 0);
        const colorizer_image d8 = image_of(out8, COLORIZER_BGR_U8, 16, 16, 0);
        cz_color_job job = job_of(COLORIZER_CPU_BEST, &tables, &one_thread, 256, 256, 32);
        float *fit = flat_lines(&job.grid, a, b);
        cz_pixels src = checked(&s, CZ_IMAGE_SOURCE), dst = checked(&d, CZ_IMAGE_TARGET);
        render_all(&job, &src, &dst, fit, 1);
        worst = fmax(worst, luminance_error(&src, s.format, &dst, d.format));
        job.grid.width = job.grid.height = 16;
        src = checked(&s8, CZ_IMAGE_SOURCE);
        dst = checked(&d8, CZ_IMAGE_TARGET);
        render_all(&job, &src, &dst, fit, 1);
        worst8 = fmax(worst8, luminance_error(&src, s8.format, &dst, d8.format));
        for (size_t i = 0; i < 256; i++) {
            const double back = 255 * from_light(luminance_at(out8 + 3 * i, COLORIZER_BGR_U8, false), false);
            exact += (long)(back + 0.5) == (long)i;
            all++;
        }
        free(fit);
    }
    print_message("u16 off by at most %.3f, u8 by %.3f; %zu of %zu u8 codes come back exactly\n", worst, worst8, exact,
                  all);
    assert_true(worst <= 1 && worst8 <= 1);
    assert_true(exact >= all - all / 100);
    free(in);
    free(out);
    free(in8);
    free(out8);
}

static void gray_stays_gray(void **state) {
    (void)state;
    for (int32_t sample = 1; sample <= 3; sample++)
        for (int transfer = 0; transfer < 2; transfer++) {
            const int32_t from = 0x100 + sample, to = 0x300 + sample;
            unsigned char *in = get(65536 * 4), *out = get(65536 * 12);
            for (size_t i = 0; i < 65536; i++) {
                if (sample == 1) in[i] = (uint8_t)i;
                if (sample == 2) ((uint16_t *)(void *)in)[i] = (uint16_t)i;
                if (sample == 3) ((float *)(void *)in)[i] = (float)i / 65535.0f;
            }
            colorizer_image s = image_of(in, from, 256, 256, 0), d = image_of(out, to, 256, 256, 0);
            s.transfer = d.transfer = transfer;
            const cz_pixels src = checked(&s, CZ_IMAGE_SOURCE), dst = checked(&d, CZ_IMAGE_TARGET);
            const cz_color_job job = job_of(COLORIZER_CPU_BEST, &tables, &one_thread, 256, 256, 32);
            float *colour = flat_lines(&job.grid, 40, -50), *none = flat_lines(&job.grid, 0, 0);
            for (int run = 0; run < 2; run++) { /* no strength, then no chroma */
                memset(out, 0x33, 65536 * 12);
                render_all(&job, &src, &dst, run == 0 ? colour : none, run == 0 ? 0.0f : 1.0f);
                for (size_t i = 0; i < 65536; i++) {
                    const unsigned char *p = out + 3 * i * sample_bytes(to);
                    const double gray = sample_at(in + i * sample_bytes(from), from, 0);
                    assert_memory_equal(p, p + sample_bytes(to), 2 * sample_bytes(to)); /* r = g = b */
                    assert_true(fabs(sample_at(p, to, 0) - gray) <= (sample == 3 ? 3e-7 : 0));
                }
            }
            free(in);
            free(out);
            free(colour);
            free(none);
        }
}

/* ---------------------------------------------------------------- conversions and gamut */

static void conversions_follow_the_standards(void **state) {
    (void)state;
    const cz_color_kernels *k = cz_color(cz_cpu_choose(COLORIZER_CPU_BEST));
    static const cz_layout_px gray16 = {.sample = CZ_SAMPLE_U16, .channels = 1};
    uint16_t *codes = get(2 * 65536);
    float *y = get(4 * 65536), *l = get(4 * 65536);
    for (size_t i = 0; i < 65536; i++) codes[i] = (uint16_t)i;
    k->luminance(&tables, gray16, codes, 65536, y);
    k->lightness(y, 65536, l);
    for (size_t i = 0; i < 65536; i++) {
        const double truth = to_light((double)i / 65535, false);
        assert_true(fabs((double)y[i] - truth) <= 5e-7 * truth);
        assert_true(fabs((double)l[i] - (116 * lab_f(truth) - 16)) < 4e-5);
    }
    for (size_t i = 0; i < 256; i++) {
        assert_true(fabs((double)tables.light[0][i] - to_light((double)i / 255, false)) < 2e-7);
        assert_true(fabs((double)tables.light[1][i] - (double)i / 255) < 1e-7);
    }
    assert_true(y[65535] == 1.0f && l[65535] == 100.0f && y[0] == 0.0f && l[0] == 0.0f);
    free(codes);
    free(y);
    free(l);
}

/** Lab of a linear colour, by the definition. */
static void lab_of(const double c[3], double lab[3]) {
    const double x = (0.4124 * c[0] + 0.3576 * c[1] + 0.1805 * c[2]) / 0.9505;
    const double y = 0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2];
    const double z = (0.0193 * c[0] + 0.1192 * c[1] + 0.9505 * c[2]) / 1.089;
    lab[0] = 116 * lab_f(y) - 16;
    lab[1] = 500 * (lab_f(x) - lab_f(y));
    lab[2] = 200 * (lab_f(y) - lab_f(z));
}

/** colour() of one L, a, b. */
static void colour_of(const cz_color_kernels *k, float l, float a, float b, double c[3]) {
    const float f = (l + 16) / 116, y = l > 8 ? f * f * f : l * 27 / 24389;
    const float lines[4] = {0, a, 0, b};
    const float *const rows[4] = {&lines[0], &lines[1], &lines[2], &lines[3]};
    const float strength = 1;
    float light, rgb[3];
    k->lightness(&y, 1, &light);
    k->colour(&cz_primaries_srgb, false, rows, 1, 1.0f, 0, &y, &light, &strength, 1, &rgb[0], &rgb[1], &rgb[2]);
    for (int i = 0; i < 3; i++) c[i] = (double)rgb[i];
}

static void gamut_map_keeps_hue_and_lightness(void **state) {
    (void)state;
    const cz_color_kernels *k = cz_color(cz_cpu_choose(COLORIZER_CPU_BEST));
    size_t cut = 0, whole = 0;
    for (float l = 6; l <= 100; l += 2)
        for (float a = -128; a <= 128; a += 16)
            for (float b = -128; b <= 128; b += 16) {
                double c[3], lab[3];
                colour_of(k, l, a, b, c);
                for (int i = 0; i < 3; i++) assert_true(c[i] >= 0 && c[i] <= 1);
                lab_of(c, lab);
                const double want = hypot((double)a, (double)b), got = hypot(lab[1], lab[2]);
                assert_true(fabs(lab[0] - (double)l) < 1e-3);
                assert_true(got <= want + 0.01);
                /* same hue: the part of ab across the wanted direction vanishes */
                if (want > 0) assert_true(fabs(lab[1] * (double)b - lab[2] * (double)a) / want < 0.02);
                if (got > want - 0.01) {
                    whole++;
                } else { /* as much chroma as fits: a little more leaves sRGB */
                    cut++;
                    const double low = fmin(fmin(c[0], c[1]), c[2]), high = fmax(fmax(c[0], c[1]), c[2]);
                    assert_true(low < 2e-3 || high > 1 - 2e-3);
                }
            }
    assert_true(cut > 1000 && whole > 1000);
}

static void shadows_lose_their_chroma_smoothly(void **state) {
    (void)state;
    const cz_color_kernels *k = cz_color(cz_cpu_choose(COLORIZER_CPU_BEST));
    double before = 0;
    for (float l = 0; l <= 10; l += 0.125f) {
        double c[3], lab[3];
        colour_of(k, l, 3, 4, c);
        lab_of(c, lab);
        const double chroma = hypot(lab[1], lab[2]);
        assert_true(chroma >= before - 0.02 && chroma - before < 0.25);
        before = chroma;
    }
    assert_true(fabs(before - 5) < 0.02);
    double c[3];
    colour_of(k, 0, 100, 100, c);
    assert_true(c[0] == 0 && c[1] == 0 && c[2] == 0);
}

/* ---------------------------------------------------------------- chroma */

/** The distribution in one cell and its mean colour, in double. */
static void distribution_of(const cz_chroma_in *in, size_t cell, double *p, double *mean) {
    double sum = 0;
    for (size_t i = 0; i < in->bins; i++)
        sum += p[i] = exp((double)in->logits[cell * in->bins + i] - (in->log_weight ? (double)in->log_weight[i] : 0));
    mean[0] = mean[1] = 0;
    for (size_t i = 0; i < in->bins; i++) {
        p[i] /= sum;
        mean[0] += p[i] * (double)in->centers[2 * i];
        mean[1] += p[i] * (double)in->centers[2 * i + 1];
    }
}

/** The colour of a cell: its mean, times the gain, and what is added. */
static void colour_in_double(const cz_chroma_in *in, size_t cell, const double mean[2], double colour[2]) {
    for (size_t k = 0; k < 2; k++) {
        const float *r = in->residual;
        colour[k] = mean[k];
        if (r == NULL) continue;
        r += cell * in->channels;
        if (in->channels == 5) {
            const double g = (double)in->vividness;
            colour[k] = mean[k] * fmax(1 + g * (double)r[2], 0) + 110 * g * (double)r[3 + k];
        }
        colour[k] = fmin(fmax(colour[k] + 110 * (double)r[k], -128), 128);
    }
}

static void chroma_follows_its_formula(void **state) {
    (void)state;
    static const struct {
        size_t bins, channels;
        float spread, chroma, vividness; /* of the logits, of the centres, and how far the picture departs */
    } rows[] = {
        {2, 5, 8, 100, 0},    {15, 5, 8, 100, 1},  {16, 2, 8, 100, 0.4f},   {17, 5, 8, 100, 2.5f},
        {256, 5, 8, 0.5f, 2}, {313, 2, 1, 100, 1}, {37, 0, 0.3f, 20, 1.5f}, {CZ_COLOR_MAX_BINS, 5, 4, 60, 1.5f}};
    cz_color_job job = job_of(COLORIZER_CPU_BEST, &tables, &one_thread, 36, 32, 32);
    const size_t n = (size_t)job.grid.cw * job.grid.ch;
    size_t turned = 0;
    assert_true(job.grid.cw == 16 && job.grid.ch == 8);
    for (size_t q = 0; q < CZ_COUNT(rows); q++) {
        const size_t bins = rows[q].bins, channels = rows[q].channels;
        float *logits = get(4 * n * bins), *residual = get(20 * n), *centers = get(8 * bins), *weight = get(4 * bins);
        float *ab = get(8 * n), *confidence = get(4 * n), *given = get(4 * n * bins);
        for (size_t i = 0; i < n * bins; i++) logits[i] = random_in(-rows[q].spread, rows[q].spread);
        for (size_t i = 0; i < 2 * bins; i++) centers[i] = random_in(-rows[q].chroma, rows[q].chroma);
        for (size_t i = 0; i < bins; i++) weight[i] = random_in(-2, 2);
        for (size_t i = 0; i < n * channels; i++)
            residual[i] = i % channels == 2 ? random_in(-1, 2) : random_in(-0.1f, 0.1f);
        const cz_chroma_in in = {.logits = logits,
                                 .residual = channels ? residual : NULL,
                                 .channels = channels,
                                 .centers = centers,
                                 .log_weight = q % 3 ? weight : NULL,
                                 .bins = bins,
                                 .vividness = rows[q].vividness};
        memcpy(given, logits, 4 * n * bins);
        assert_true(cz_chroma(&job, &in, ab, confidence));
        memcpy(logits, given, 4 * n * bins);
        for (size_t c = 0; c < n; c++) {
            double p[CZ_COLOR_MAX_BINS], mean[2], want[2], near = 0;
            distribution_of(&in, c, p, mean);
            colour_in_double(&in, c, mean, want);
            turned += channels == 5 && rows[q].vividness * residual[5 * c + 2] < -1;
            for (size_t k = 0; k < 2; k++) assert_true(fabs((double)ab[k * n + c] - want[k]) < 5e-3);
            for (size_t i = 0; i < bins; i++) { /* a ramp from 1 at a squared distance of 75 to 0 at 375 */
                const double da = (double)centers[2 * i] - (double)ab[c],
                             db = (double)centers[2 * i + 1] - (double)ab[n + c];
                near += p[i] * fmin(fmax((375 - da * da - db * db) / 300, 0), 1);
            }
            assert_true(fabs((double)confidence[c] - near) < 2e-4);
        }
        void *const blocks[] = {logits, residual, centers, weight, ab, confidence, given};
        for (size_t i = 0; i < CZ_COUNT(blocks); i++) free(blocks[i]);
    }
    assert_true(turned > 0); /* gains below 0, which count as 0 */
}

static void absurd_networks_give_finite_chroma(void **state) {
    (void)state;
    enum { BINS = 20 };
    static const float odd[] = {NAN, INFINITY, -INFINITY, 3e38f, -3e38f, 0};
    static const cz_wishes wishes = {.tint = {1, 0}};
    cz_color_job job = job_of(COLORIZER_CPU_BEST, &tables, &one_thread, 64, 64, 64);
    const size_t n = (size_t)job.grid.cw * job.grid.ch;
    float *logits = get(4 * n * BINS), *residual = get(20 * n), *centers = get(8 * BINS);
    float *ab = get(8 * n), *confidence = get(4 * n);
    for (size_t i = 0; i < 5 * n; i++) residual[i] = odd[random_u32() % CZ_COUNT(odd)];
    for (int way = 0; way < 8; way++) {
        for (size_t i = 0; i < n * BINS; i++)
            logits[i] = way / 4 ? random_in(-9, 9) : odd[random_u32() % (1 + i * CZ_COUNT(odd) / (n * BINS))];
        for (size_t i = 0; i < 2 * BINS; i++) centers[i] = random_in(-1, 1) * 3e38f; /* finite: a file is checked */
        const cz_chroma_in in = {.logits = logits,
                                 .residual = way % 2 ? residual : NULL,
                                 .channels = 5,
                                 .centers = centers,
                                 .bins = BINS,
                                 .vividness = 10,
                                 .wishes = way / 2 % 2 ? &wishes : NULL};
        assert_true(cz_chroma(&job, &in, ab, confidence));
        for (size_t i = 0; i < 2 * n; i++) assert_true(ab[i] >= -128 && ab[i] <= 128);
        for (size_t i = 0; i < n; i++) assert_true(confidence[i] >= 0 && confidence[i] <= 1);
    }
    void *const blocks[] = {logits, residual, centers, ab, confidence};
    for (size_t i = 0; i < CZ_COUNT(blocks); i++) free(blocks[i]);
}

/* ---------------------------------------------------------------- upsampling */

/** All stages from photograph to colour on a job; returns the picture. */
static void *whole(const cz_color_job *job, const cz_pixels *src, const cz_pixels *dst, const float *ab, float *light,
                   float *fit) {
    const size_t threads = job->exec->threads;
    void *scratch = get(threads * cz_max(cz_lightness_scratch(&job->grid), cz_upsample_scratch(&job->grid)));
    float *work = get(sizeof(float) * cz_upsample_work(&job->grid));
    cz_lightness_rows(job, src, light, 0, job->grid.h, scratch);
    cz_lightness_pad(&job->grid, light);
    const cz_touches touches = {.hues = {1, 1, 1, 1, 1, 1, 1, 1}};
    assert_true(cz_upsample(job, light, ab, &touches, fit, work, scratch));
    render_all(job, src, dst, fit, 0.9f);
    free(scratch);
    free(work);
    return cz_row(dst, 0);
}

/** A picture of two halves, dark and light, cut off the grid; each half has its own colour in the cells. */
static void chroma_follows_luminance_edges(void **state) {
    (void)state;
    enum { W = 512, H = 256, EDGE = 269 };
    const cz_color_job job = job_of(COLORIZER_CPU_BEST, &tables, &one_thread, W, H, 64); /* a cell is 16 pixels */
    const size_t cells = (size_t)job.grid.cw * job.grid.ch;
    uint8_t *in = get(W * H), *out = get(3 * W * H);
    float *ab = get(8 * cells), *light = get(sizeof(float) * job.grid.pw * job.grid.ph);
    float *fit = get(sizeof(float) * cz_fit_size(&job.grid));
    for (size_t i = 0; i < W * H; i++) in[i] = (uint8_t)((i % W < EDGE ? 80 : 170) + random_u32() % 5);
    for (size_t i = 0; i < cells; i++) {
        const double share =
            fmin(fmax(((double)(i % job.grid.cw) + 1) * 16 - EDGE, 0), 16) / 16; /* of the right half */
        ab[i] = (float)(30 - 60 * share);
        ab[cells + i] = (float)(-20 + 50 * share);
    }
    const colorizer_image s = image_of(in, COLORIZER_GRAY_U8, W, H, 0), d = image_of(out, COLORIZER_RGB_U8, W, H, 0);
    const cz_pixels src = checked(&s, CZ_IMAGE_SOURCE), dst = checked(&d, CZ_IMAGE_TARGET);
    whole(&job, &src, &dst, ab, light, fit);
    double worst = 0, mean = 0;
    for (size_t y = 0; y < H; y++)
        for (size_t x = 0; x < W; x++) {
            double c[3], lab[3];
            for (size_t j = 0; j < 3; j++) c[j] = to_light(out[3 * (y * W + x) + j] / 255.0, false);
            lab_of(c, lab);
            const double e =
                x < EDGE ? hypot(lab[1] - 0.9 * 30, lab[2] + 0.9 * 20) : hypot(lab[1] + 0.9 * 30, lab[2] - 0.9 * 30);
            worst = fmax(worst, e);
            mean += e / (W * H);
        }
    print_message("two halves: ab off by %.2f at most, %.2f on average\n", worst, mean);
    assert_true(worst < 26 && mean < 1); /* the halves are 78 apart: bilinear would miss by 39 at the edge */
    free(in);
    free(out);
    free(ab);
    free(light);
    free(fit);
}

/* ---------------------------------------------------------------- same bits */

/** Runs the tasks backwards, as a host may. */
static void backwards(void *user, colorizer_task_fn task, void *context, uint32_t count) {
    (void)user;
    while (count > 0) task(context, --count);
}

static uint64_t hash(uint64_t h, const void *data, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) h = (h ^ ((const unsigned char *)data)[i]) * UINT64_C(1099511628211);
    return h;
}

/** Hash of everything the stages write, for random pictures drawn from `seed`. */
static uint64_t everything(int32_t cpu, const cz_exec *exec, uint64_t seed) {
    static const uint32_t shapes[][3] = {{131, 77, 32}, {1, 1, 32}, {1, 90, 32}, {700, 2, 32}, {40, 33, 64}};
    uint64_t h = UINT64_C(14695981039346656037);
    cz_color_tables own;
    random_state = seed;
    cz_color_tables_init(&own, cz_color(cpu));
    h = hash(h, &own, sizeof own);
    for (size_t i = 0; i < CZ_COUNT(shapes); i++) {
        const uint32_t width = shapes[i][0], height = shapes[i][1];
        const cz_color_job job = job_of(cpu, &own, exec, width, height, shapes[i][2]);
        const size_t cells = (size_t)job.grid.cw * job.grid.ch, pixels = (size_t)width * height, bins = 37;
        const int32_t from = (int32_t)((1 + random_u32() % 6) << 8 | (1 + random_u32() % 3));
        const int32_t to = (int32_t)((3 + random_u32() % 4) << 8 | (1 + random_u32() % 3));
        float *logits = get(4 * cells * bins), *centers = get(8 * bins), *ab = get(8 * cells), *sure = get(4 * cells);
        float *residual = get(20 * cells);
        float *light = get(sizeof(float) * job.grid.pw * job.grid.ph),
              *fit = get(sizeof(float) * cz_fit_size(&job.grid));
        unsigned char *in = get(16 * pixels), *out = get(16 * pixels);
        for (size_t k = 0; k < cells * bins; k++) logits[k] = random_in(-9, 9);
        for (size_t k = 0; k < 2 * bins; k++) centers[k] = random_in(-110, 110);
        for (size_t k = 0; k < 5 * cells; k++) residual[k] = random_in(-0.2f, 0.4f);
        put_random(in, from, channels_of(from) * pixels);
        const cz_wishes wishes = {.palette = {{random_in(-50, 50), random_in(-50, 50)}, {0, 0}},
                                  .colours = random_u32() % 3,
                                  .palette_strength = random_in(0, 1),
                                  .tint = {random_in(-100, 100), random_in(-100, 100)}};
        const cz_chroma_in network = {.logits = logits,
                                      .residual = residual,
                                      .channels = 5,
                                      .centers = centers,
                                      .bins = bins,
                                      .vividness = random_in(0, 3),
                                      .wishes = &wishes};
        const colorizer_image s = image_of(in, from, (int32_t)width, (int32_t)height, 0);
        const colorizer_image d = image_of(out, to, (int32_t)width, (int32_t)height, 0);
        const cz_pixels src = checked(&s, CZ_IMAGE_SOURCE), dst = checked(&d, CZ_IMAGE_TARGET);
        assert_true(cz_chroma(&job, &network, ab, sure));
        whole(&job, &src, &dst, ab, light, fit);
        h = hash(h, ab, 8 * cells);
        h = hash(h, sure, 4 * cells);
        h = hash(h, light, sizeof(float) * job.grid.pw * job.grid.ph);
        h = hash(h, fit, sizeof(float) * cz_fit_size(&job.grid));
        h = hash(h, out, 16 * pixels);
        colorizer_hint hints[9];
        for (size_t k = 0; k < CZ_COUNT(hints); k++)
            hints[k] = (colorizer_hint){.struct_size = sizeof hints[k],
                                        .x = random_in(0, (float)width),
                                        .y = random_in(0, (float)height),
                                        .radius = random_in(0, 9),
                                        .dx = k % 2 == 0 ? 0 : random_in(-30, 30),
                                        .dy = k % 3 == 0 ? 0 : random_in(-30, 30),
                                        .weight = k % 4 == 0 ? 0 : random_in(0, 1),
                                        .red = random_in(0, 1),
                                        .blue = random_in(0, 1)};
        cz_spot spots[CZ_COUNT(hints)];
        cz_touches touches = {spots, cz_spots(&job, hints, CZ_COUNT(hints), spots), {0}};
        for (size_t k = 0; k < COLORIZER_HUES; k++) touches.hues[k] = random_in(0, 2);
        float *work = get(sizeof(float) * cz_max(cz_spread_work(&job.grid), cz_upsample_work(&job.grid)));
        void *scratch = get(exec->threads * cz_upsample_scratch(&job.grid));
        assert_true(cz_spread_hints(&job, light, spots, touches.n_spots, ab, work));
        h = hash(h, ab, 8 * cells);
        assert_true(cz_upsample(&job, light, ab, &touches, fit, work, scratch));
        h = hash(h, fit, sizeof(float) * cz_fit_size(&job.grid));
        cz_mode modes[4];
        const size_t n_modes = cz_modes(&network, (size_t)random_u32() % cells, modes, CZ_COUNT(modes));
        h = hash(h, modes, n_modes * sizeof *modes);
        free(work);
        free(scratch);
        void *const blocks[] = {logits, residual, centers, ab, sure, light, fit, in, out};
        for (size_t k = 0; k < CZ_COUNT(blocks); k++) free(blocks[k]);
    }
    return h;
}

static void bits_are_the_same_everywhere(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        const uint64_t truth = everything(COLORIZER_CPU_SCALAR, &one_thread, seed);
        for (size_t i = 1; i < CZ_COUNT(cpus); i++)
            if (cz_cpu_supported(cpus[i]) && everything(cpus[i], &one_thread, seed) != truth)
                fail_msg("seed %d: %s differs from scalar", (int)seed, cz_cpu_name(cpus[i]));
        for (uint32_t threads = 2; threads <= 8; threads += 3) {
            const cz_exec exec = {.runner = backwards, .threads = threads};
            if (everything(cz_cpu_choose(COLORIZER_CPU_BEST), &exec, seed) != truth)
                fail_msg("seed %d: %u threads differ", (int)seed, threads);
        }
    }
}

/** Rows in any order and cut, and in place, give what one pass over a copy gives. */
static void cuts_and_places_do_not_show(void **state) {
    (void)state;
    enum { W = 1100, H = 6 };
    for (int32_t format = COLORIZER_RGB_U8; format <= COLORIZER_BGRA_F32; format++) {
        if ((format & 0xFF) == 0 || (format & 0xFF) > 3) continue;
        const size_t bytes = W * H * channels_of(format) * sample_bytes(format);
        unsigned char *in = get(bytes), *out = get(bytes), *pieces = get(bytes);
        put_random(in, format, bytes / sample_bytes(format));
        const colorizer_image s = image_of(in, format, W, H, 0), d = image_of(out, format, W, H, 0);
        const colorizer_image q = image_of(pieces, format, W, H, 0);
        const cz_pixels src = checked(&s, CZ_IMAGE_SOURCE), dst = checked(&d, CZ_IMAGE_TARGET);
        const cz_pixels piece = checked(&q, CZ_IMAGE_TARGET);
        const cz_color_job job = job_of(COLORIZER_CPU_BEST, &tables, &one_thread, W, H, 32);
        float *fit = wild_lines(&job.grid);
        void *scratch = get(cz_render_scratch(&job.grid));
        render_all(&job, &src, &dst, fit, 1);
        const cz_frame whole = {0, 0, W, H, NULL};
        for (size_t y = H; y > 0; y--) cz_render_rows(&job, &src, &piece, &whole, fit, 1, y - 1, y, scratch);
        assert_memory_equal(out, pieces, bytes);
        render_all(&job, &src, &src, fit, 1);
        assert_memory_equal(out, in, bytes);
        free(in);
        free(out);
        free(pieces);
        free(fit);
        free(scratch);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(luminance_is_kept_in_every_format),
        cmocka_unit_test(luminance_is_kept_at_extreme_chroma),
        cmocka_unit_test(gray_stays_gray),
        cmocka_unit_test(conversions_follow_the_standards),
        cmocka_unit_test(gamut_map_keeps_hue_and_lightness),
        cmocka_unit_test(shadows_lose_their_chroma_smoothly),
        cmocka_unit_test(chroma_follows_its_formula),
        cmocka_unit_test(absurd_networks_give_finite_chroma),
        cmocka_unit_test(chroma_follows_luminance_edges),
        cmocka_unit_test(bits_are_the_same_everywhere),
        cmocka_unit_test(cuts_and_places_do_not_show),
    };
    cz_color_tables_init(&tables, cz_color(cz_cpu_choose(COLORIZER_CPU_BEST)));
    return cmocka_run_group_tests_name("color", tests, NULL, NULL);
}
