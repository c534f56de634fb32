/* SPDX-License-Identifier: BSD-2-Clause
 * Image checks, sizes, lightness at working size, hints, confidence. */
#include "image_case.h"

static cz_color_tables tables;
static const cz_exec one_thread = {.threads = 1};

/* ---------------------------------------------------------------- checks */

enum { WIDE = 10, HIGH = 4 };
static uint32_t memory[4096];

/** What a case spoils in a good 10 x 4 image, what comes of it, and what the text must hold. */
typedef struct {
    void (*spoil)(colorizer_image *m);
    int32_t format;
    enum cz_image_role role;
    int32_t code;
    const char *text;
} check_case;

static void small_struct(colorizer_image *m) { m->struct_size = 60; }
static void huge_struct(colorizer_image *m) { m->struct_size = 5000; }
static void no_width(colorizer_image *m) { m->width = 0; }
static void wide(colorizer_image *m) { m->width = 65536; }
static void negative_height(colorizer_image *m) { m->height = -1; }
static void high(colorizer_image *m) { m->height = 65536; }
static void format_0(colorizer_image *m) { m->format = 0; }
static void format_sample(colorizer_image *m) { m->format = 0x0305; }
static void format_family(colorizer_image *m) { m->format = 0x0701; }
static void format_negative(colorizer_image *m) { m->format = INT32_MIN; }
static void transfer_4(colorizer_image *m) { m->transfer = 4; }
static void reserved_1(colorizer_image *m) { m->reserved = 1; }
static void no_data(colorizer_image *m) { m->data[0] = NULL; }
static void odd_data(colorizer_image *m) { m->data[0] = (unsigned char *)m->data[0] + 1; }
static void stride_short(colorizer_image *m) { m->stride[0] = 10; }
static void stride_short_up(colorizer_image *m) { m->stride[0] = -29; }
static void stride_odd(colorizer_image *m) { m->stride[0] += 1; }
static void stride_lowest(colorizer_image *m) { m->stride[0] = INT64_MIN; }
static void stride_highest(colorizer_image *m) { m->stride[0] = INT64_MAX - 3; }
static void size_less(colorizer_image *m) { m->size[0] -= 1; }
static void size_0(colorizer_image *m) { m->size[0] = 0; }
static void address_end(colorizer_image *m) {
    m->stride[0] = INT64_C(1) << 61;
    m->size[0] = UINT64_MAX;
    m->height = 5;
}
static void plane_1(colorizer_image *m) { m->data[1] = memory; }
static void plane_2(colorizer_image *m) { m->stride[2] = 1; }
static void plane_3(colorizer_image *m) { m->size[3] = 1; }
static void reserved2_1(colorizer_image *m) { m->reserved2 = 1; }
static void primaries_6(colorizer_image *m) { m->primaries = 6; }
static void primaries_negative(colorizer_image *m) { m->primaries = -1; }
static void no_matrix(colorizer_image *m) { m->primaries = COLORIZER_PRIMARIES_MATRIX; }
static void alpha_2(colorizer_image *m) { m->alpha = 2; }
static void with_gamma(colorizer_image *m, float gamma) {
    m->transfer = COLORIZER_TRANSFER_GAMMA;
    m->gamma = gamma;
}
static void no_gamma(colorizer_image *m) { with_gamma(m, 0); }
static void gamma_nan(colorizer_image *m) { with_gamma(m, NAN); }
static void gamma_high(colorizer_image *m) { with_gamma(m, 4.01f); }
static void with_curve(colorizer_image *m, const float *curve, uint32_t size) {
    m->transfer = COLORIZER_TRANSFER_CURVE;
    m->curve = curve;
    m->curve_size = size;
}
static void no_curve(colorizer_image *m) { with_curve(m, NULL, 4); }
static const float rising[4] = {0, 0.2f, 0.2f, 1};
static void curve_short(colorizer_image *m) { with_curve(m, rising, 1); }
static void curve_long(colorizer_image *m) { with_curve(m, rising, 65537); }
static void curve_odd(colorizer_image *m) { with_curve(m, (const float *)(const void *)((const char *)rising + 2), 2); }
static void curve_from(colorizer_image *m) { with_curve(m, rising + 1, 3); }
static void curve_to(colorizer_image *m) { with_curve(m, rising, 3); }
static void curve_falls(colorizer_image *m) {
    static const float falling[4] = {0, 0.7f, 0.6f, 1};
    with_curve(m, falling, 4);
}
static void curve_nan(colorizer_image *m) {
    static const float broken[4] = {0, 0.7f, NAN, 1};
    with_curve(m, broken, 4);
}
static void nothing(colorizer_image *m) { (void)m; }

static const check_case check_cases[] = {
    {small_struct, COLORIZER_RGB_U8, CZ_IMAGE_SOURCE, COLORIZER_E_ARGUMENT, "x.struct_size: 60"},
    {huge_struct, COLORIZER_RGB_U8, CZ_IMAGE_SOURCE, COLORIZER_E_ARGUMENT, "x.struct_size: 5000"},
    {no_width, COLORIZER_RGB_U8, CZ_IMAGE_SOURCE, COLORIZER_E_IMAGE_SIZE, "x.width: 0 is not in 1..65535"},
    {wide, COLORIZER_RGB_U8, CZ_IMAGE_SOURCE, COLORIZER_E_IMAGE_SIZE, "x.width: 65536"},
    {negative_height, COLORIZER_RGB_U8, CZ_IMAGE_SOURCE, COLORIZER_E_IMAGE_SIZE, "x.height: -1"},
    {high, COLORIZER_RGB_U8, CZ_IMAGE_SOURCE, COLORIZER_E_IMAGE_SIZE, "x.height: 65536"},
    {format_0, COLORIZER_RGB_U8, CZ_IMAGE_SOURCE, COLORIZER_E_PIXEL_FORMAT, "x.format: 0x0"},
    {format_sample, COLORIZER_RGB_U8, CZ_IMAGE_SOURCE, COLORIZER_E_PIXEL_FORMAT, "x.format: 0x305"},
    {format_family, COLORIZER_RGB_U8, CZ_IMAGE_SOURCE, COLORIZER_E_PIXEL_FORMAT, "x.format: 0x701"},
    {format_negative, COLORIZER_RGB_U8, CZ_IMAGE_SOURCE, COLORIZER_E_PIXEL_FORMAT, "x.format: 0x80000000"},
    {nothing, COLORIZER_GRAY_U8, CZ_IMAGE_TARGET, COLORIZER_E_PIXEL_FORMAT, "x.format: 0x101 has no colour"},
    {nothing, COLORIZER_GRAYA_F32, CZ_IMAGE_TARGET, COLORIZER_E_PIXEL_FORMAT, "x.format: 0x203 has no colour"},
    {nothing, COLORIZER_RGB_U8, CZ_IMAGE_GRAY, COLORIZER_E_PIXEL_FORMAT, "x.format: 0x301 is not a GRAY"},
    {nothing, COLORIZER_GRAYA_U8, CZ_IMAGE_GRAY, COLORIZER_E_PIXEL_FORMAT, "x.format: 0x201 is not a GRAY"},
    {transfer_4, COLORIZER_RGB_U8, CZ_IMAGE_SOURCE, COLORIZER_E_PIXEL_FORMAT, "x.transfer: 4"},
    {reserved_1, COLORIZER_RGB_U8, CZ_IMAGE_SOURCE, COLORIZER_E_ARGUMENT, "x.reserved: 1"},
    {no_data, COLORIZER_RGB_U8, CZ_IMAGE_SOURCE, COLORIZER_E_ARGUMENT, "x.data[0]: NULL"},
    {odd_data, COLORIZER_RGB_U16, CZ_IMAGE_SOURCE, COLORIZER_E_BUFFER, "x.data[0]: not aligned"},
    {odd_data, COLORIZER_RGB_F32, CZ_IMAGE_TARGET, COLORIZER_E_BUFFER, "samples of 4 bytes"},
    {stride_short, COLORIZER_RGB_U8, CZ_IMAGE_TARGET, COLORIZER_E_STRIDE,
     "x.stride[0]: 10 is smaller than a row of 30 bytes"},
    {stride_short_up, COLORIZER_RGB_U8, CZ_IMAGE_SOURCE, COLORIZER_E_STRIDE, "x.stride[0]: -29"},
    {stride_odd, COLORIZER_RGB_U16, CZ_IMAGE_SOURCE, COLORIZER_E_STRIDE, "x.stride[0]: 61 is not a multiple"},
    {stride_lowest, COLORIZER_RGB_U8, CZ_IMAGE_SOURCE, COLORIZER_E_BUFFER, "x.size[0]"},
    {stride_highest, COLORIZER_RGB_F32, CZ_IMAGE_SOURCE, COLORIZER_E_BUFFER, "x.size[0]"},
    {size_less, COLORIZER_RGB_U8, CZ_IMAGE_SOURCE, COLORIZER_E_BUFFER, "x.size[0]: 119 bytes do not hold 4 rows"},
    {size_0, COLORIZER_RGB_U8, CZ_IMAGE_SOURCE, COLORIZER_E_BUFFER, "x.size[0]: 0 bytes"},
    {address_end, COLORIZER_RGB_U8, CZ_IMAGE_SOURCE, COLORIZER_E_BUFFER, "address space"},
    {plane_1, COLORIZER_RGB_U8, CZ_IMAGE_SOURCE, COLORIZER_E_ARGUMENT, "x: plane 1 is set"},
    {plane_2, COLORIZER_RGB_U8, CZ_IMAGE_SOURCE, COLORIZER_E_ARGUMENT, "x: plane 2 is set"},
    {plane_3, COLORIZER_RGB_U8, CZ_IMAGE_SOURCE, COLORIZER_E_ARGUMENT, "x: plane 3 is set"},
    {reserved2_1, COLORIZER_RGB_U8, CZ_IMAGE_TARGET, COLORIZER_E_ARGUMENT, "x.reserved2: 1"},
    {reserved2_1, COLORIZER_GRAY_U8, CZ_IMAGE_GRAY, COLORIZER_E_ARGUMENT, "x.reserved2: 1"},
    {primaries_6, COLORIZER_RGB_U8, CZ_IMAGE_SOURCE, COLORIZER_E_PIXEL_FORMAT, "x.primaries: 6"},
    {primaries_negative, COLORIZER_RGB_U8, CZ_IMAGE_TARGET, COLORIZER_E_PIXEL_FORMAT, "x.primaries: -1"},
    {no_matrix, COLORIZER_RGB_U8, CZ_IMAGE_TARGET, COLORIZER_E_RANGE, "x.matrix"},
    {alpha_2, COLORIZER_RGBA_U8, CZ_IMAGE_TARGET, COLORIZER_E_PIXEL_FORMAT, "x.alpha: 2"},
    {no_gamma, COLORIZER_RGB_U8, CZ_IMAGE_SOURCE, COLORIZER_E_RANGE, "x.gamma: 0"},
    {gamma_nan, COLORIZER_RGB_U8, CZ_IMAGE_SOURCE, COLORIZER_E_RANGE, "x.gamma: "},
    {gamma_high, COLORIZER_RGB_U8, CZ_IMAGE_TARGET, COLORIZER_E_RANGE, "x.gamma: 4.01"},
    {no_curve, COLORIZER_RGB_U8, CZ_IMAGE_SOURCE, COLORIZER_E_ARGUMENT, "x.curve: NULL"},
    {curve_short, COLORIZER_RGB_U8, CZ_IMAGE_SOURCE, COLORIZER_E_RANGE, "x.curve_size: 1"},
    {curve_long, COLORIZER_RGB_U8, CZ_IMAGE_SOURCE, COLORIZER_E_RANGE, "x.curve_size: 65537"},
    {curve_odd, COLORIZER_RGB_U8, CZ_IMAGE_SOURCE, COLORIZER_E_BUFFER, "x.curve: not aligned"},
    {curve_from, COLORIZER_RGB_U8, CZ_IMAGE_SOURCE, COLORIZER_E_RANGE, "x.curve: does not rise"},
    {curve_to, COLORIZER_RGB_U8, CZ_IMAGE_SOURCE, COLORIZER_E_RANGE, "x.curve: does not rise"},
    {curve_falls, COLORIZER_RGB_U8, CZ_IMAGE_TARGET, COLORIZER_E_RANGE, "x.curve: does not rise"},
    {curve_nan, COLORIZER_RGB_U8, CZ_IMAGE_TARGET, COLORIZER_E_RANGE, "x.curve: does not rise"},
};

static void every_refusal_names_its_field(void **state) {
    (void)state;
    cz_pixels out;
    cz_error err;
    assert_int_equal(cz_image_check(NULL, CZ_IMAGE_SOURCE, "src", &out, &err), COLORIZER_E_ARGUMENT);
    assert_string_equal(err.text, "src: NULL");
    for (size_t i = 0; i < CZ_COUNT(check_cases); i++) {
        const check_case *c = &check_cases[i];
        colorizer_image m = image_of(memory, c->format, WIDE, HIGH, 0);
        c->spoil(&m);
        const int32_t code = cz_image_check(&m, c->role, "x", &out, &err);
        if (code != c->code || err.code != code || strstr(err.text, c->text) == NULL)
            fail_msg("case %zu: %d '%s', expected %d '%s'", i, code, err.text, c->code, c->text);
    }
}

static void good_images_pass(void **state) {
    (void)state;
    for (int32_t family = 1; family <= 6; family++)
        for (int32_t sample = 1; sample <= 4; sample++) {
            const int32_t format = family << 8 | sample;
            colorizer_image m = image_of(memory, format, WIDE, HIGH, 0);
            const cz_pixels p = checked(&m, family < 3 ? CZ_IMAGE_SOURCE : CZ_IMAGE_TARGET);
            assert_ptr_equal(cz_row(&p, 0), memory);
            assert_int_equal(p.px.channels, channels_of(format));
            m.stride[0] = -m.stride[0];
            const cz_pixels up = checked(&m, CZ_IMAGE_SOURCE);
            assert_ptr_equal(cz_row(&up, HIGH - 1), memory);
            assert_ptr_equal(cz_row(&up, 0), (unsigned char *)memory - (HIGH - 1) * m.stride[0]);
        }
    colorizer_image gray = image_of(memory, COLORIZER_GRAY_U16, WIDE, HIGH, 0);
    gray.transfer = 77; /* ignored for confidence */
    checked(&gray, CZ_IMAGE_GRAY);
}

static void other_struct_sizes(void **state) {
    (void)state;
    struct {
        colorizer_image image;
        uint32_t later[4];
    } newer = {.image = image_of(memory, COLORIZER_RGB_U8, WIDE, HIGH, 0)};
    cz_pixels out;
    cz_error err;
    newer.image.struct_size = sizeof newer;
    assert_int_equal(cz_image_check(&newer.image, CZ_IMAGE_SOURCE, "src", &out, &err), COLORIZER_OK);
    newer.later[2] = 1;
    assert_int_equal(cz_image_check(&newer.image, CZ_IMAGE_SOURCE, "src", &out, &err), COLORIZER_E_ARGUMENT);
    assert_non_null(strstr(err.text, "does not know"));
    /* a program of ABI 0.1, whose struct ended after `size` */
    newer.image.struct_size = offsetof(colorizer_image, curve);
    newer.image.transfer = COLORIZER_TRANSFER_LINEAR;
    newer.image.primaries = newer.image.reserved2 = -1;
    assert_int_equal(cz_image_check(&newer.image, CZ_IMAGE_SOURCE, "src", &out, &err), COLORIZER_OK);
    assert_memory_equal(&out.px.primaries, &cz_primaries_srgb, sizeof cz_primaries_srgb);
    /* a struct that ends after size[0]: what follows is not read */
    newer.image.struct_size = offsetof(colorizer_image, size) + sizeof newer.image.size[0];
    newer.image.size[3] = 5;
    assert_int_equal(cz_image_check(&newer.image, CZ_IMAGE_SOURCE, "src", &out, &err), COLORIZER_OK);
    newer.image.struct_size -= 1;
    assert_int_equal(cz_image_check(&newer.image, CZ_IMAGE_SOURCE, "src", &out, &err), COLORIZER_E_ARGUMENT);
}

static void pairs(void **state) {
    (void)state;
    unsigned char *bytes = (unsigned char *)memory;
    cz_error err;
    colorizer_image a = image_of(bytes, COLORIZER_RGB_U8, WIDE, HIGH, 0), b = a;
    cz_pixels src = checked(&a, CZ_IMAGE_SOURCE), dst = src;
    assert_int_equal(cz_image_pair_check(&src, &dst, &err), COLORIZER_OK); /* in place */
    b = image_of(bytes + 120, COLORIZER_RGB_U8, WIDE, HIGH, 0);
    dst = checked(&b, CZ_IMAGE_TARGET);
    assert_int_equal(cz_image_pair_check(&src, &dst, &err), COLORIZER_OK); /* end to end */
    assert_int_equal(cz_image_pair_check(&dst, &src, &err), COLORIZER_OK);
    b.data[0] = bytes + 119;
    dst = checked(&b, CZ_IMAGE_TARGET);
    assert_int_equal(cz_image_pair_check(&src, &dst, &err), COLORIZER_E_OVERLAP);
    assert_int_equal(cz_image_pair_check(&dst, &src, &err), COLORIZER_E_OVERLAP);
    assert_non_null(strstr(err.text, "dst.data[0]"));
    b = image_of(bytes, COLORIZER_BGR_U8, WIDE, HIGH, 0); /* other format on the same bytes */
    dst = checked(&b, CZ_IMAGE_TARGET);
    assert_int_equal(cz_image_pair_check(&src, &dst, &err), COLORIZER_E_OVERLAP);
    b = image_of(bytes, COLORIZER_RGB_U8, WIDE, HIGH, -30); /* upside down on the same bytes */
    dst = checked(&b, CZ_IMAGE_TARGET);
    assert_int_equal(cz_image_pair_check(&src, &dst, &err), COLORIZER_E_OVERLAP);
    b = image_of(bytes + 2000, COLORIZER_RGB_U8, WIDE - 1, HIGH, 0);
    dst = checked(&b, CZ_IMAGE_TARGET);
    assert_int_equal(cz_image_pair_check(&src, &dst, &err), COLORIZER_E_IMAGE_SIZE);
    assert_string_equal(err.text, "dst.width: 9, but src.width is 10");
    b = image_of(bytes + 2000, COLORIZER_RGB_U8, WIDE, HIGH - 1, 0);
    dst = checked(&b, CZ_IMAGE_TARGET);
    assert_int_equal(cz_image_pair_check(&src, &dst, &err), COLORIZER_E_IMAGE_SIZE);
}

/* ---------------------------------------------------------------- sizes */

static void sizes_keep_the_shape(void **state) {
    (void)state;
    static const uint32_t cases[][5] = {/* width, height, short side: w, h */
                                        {6000, 4000, 256, 384, 256}, {4000, 6000, 256, 256, 384},
                                        {100, 100, 256, 256, 256},   {1, 1, 32, 32, 32},
                                        {65535, 1, 256, 1024, 1},    {1, 65535, 256, 1, 1024},
                                        {1000, 100, 256, 1024, 102}, {65535, 65535, 1024, 1024, 1024}};
    for (size_t i = 0; i < CZ_COUNT(cases); i++) {
        cz_grid g;
        cz_grid_init(&g, cases[i][0], cases[i][1], cases[i][2], 32, 4);
        assert_int_equal(g.w, cases[i][3]);
        assert_int_equal(g.h, cases[i][4]);
        assert_true(g.pw >= g.w && g.pw < g.w + 32 && g.pw % 32 == 0 && g.cw == g.pw / 4);
        assert_true(g.ph >= g.h && g.ph < g.h + 32 && g.ph % 32 == 0 && g.ch == g.ph / 4);
    }
}

/* ---------------------------------------------------------------- lightness */

/** Linear mean over y / n .. (y + 1) / n of a row or column: the definition, in double. */
static double area_mean(const double *v, size_t stride, size_t count, size_t i, size_t n) {
    double low = (double)i * (double)count / (double)n, high = (double)(i + 1) * (double)count / (double)n, sum = 0;
    if (count < n) {
        const double middle = (low + high) / 2;
        low = fmax(middle - 0.5, 0);
        high = fmin(middle + 0.5, (double)count);
    }
    for (size_t k = 0; k < count; k++) sum += v[k * stride] * fmax(0, fmin(high, (double)k + 1) - fmax(low, (double)k));
    return sum / (high - low);
}

static void lightness_is_the_area_mean(void **state) {
    (void)state;
    static const uint32_t cases[][3] = {/* width, height, short side */
                                        {100, 70, 32}, {64, 64, 32}, {33, 37, 32},  {32, 32, 32},
                                        {20, 13, 32},  {1, 1, 32},   {200, 3, 32},  {1, 300, 32},
                                        {97, 331, 64}, {31, 33, 32}, {129, 65, 64}, {300, 300, 299}};
    for (size_t c = 0; c < CZ_COUNT(cases); c++) {
        const uint32_t width = cases[c][0], height = cases[c][1];
        const cz_color_job job = job_of(COLORIZER_CPU_SCALAR, &tables, &one_thread, width, height, cases[c][2]);
        const cz_grid *g = &job.grid;
        uint8_t *pixels = get((size_t)width * height);
        double *y = get(sizeof(double) * width * height), *columns = get(sizeof(double) * width * g->h);
        for (size_t i = 0; i < (size_t)width * height; i++) {
            pixels[i] = (uint8_t)random_u32();
            y[i] = to_light(pixels[i] / 255.0, false);
        }
        const colorizer_image m = image_of(pixels, COLORIZER_GRAY_U8, (int32_t)width, (int32_t)height, 0);
        const cz_pixels src = checked(&m, CZ_IMAGE_SOURCE);
        float *light = get(sizeof(float) * g->pw * g->ph);
        void *scratch = get(cz_lightness_scratch(g));
        const size_t cut = g->h / 3; /* in two ranges, as strips and threads do */
        cz_lightness_rows(&job, &src, light, cut, g->h, scratch);
        cz_lightness_rows(&job, &src, light, 0, cut, scratch);
        cz_lightness_pad(g, light);
        for (size_t v = 0; v < g->h; v++)
            for (size_t x = 0; x < width; x++) columns[v * width + x] = area_mean(y + x, width, height, v, g->h);
        for (size_t v = 0; v < g->ph; v++)
            for (size_t u = 0; u < g->pw; u++) {
                const size_t cv = cz_min(v, g->h - 1), cu = cz_min(u, g->w - 1); /* padding repeats the edge */
                const double truth = 116 * lab_f(area_mean(columns + cv * width, 1, width, cu, g->w)) - 16;
                assert_true(fabs((double)light[v * g->pw + u] - truth) < 2e-4);
            }
        free(pixels);
        free(y);
        free(columns);
        free(light);
        free(scratch);
    }
}

static void the_mean_light_is_kept(void **state) {
    (void)state;
    enum { W = 517, H = 301 };
    const cz_color_job job = job_of(COLORIZER_CPU_SCALAR, &tables, &one_thread, W, H, 64);
    uint16_t *pixels = get(sizeof *pixels * W * H);
    double before = 0, after = 0;
    for (size_t i = 0; i < W * H; i++) {
        pixels[i] = (uint16_t)random_u32();
        before += pixels[i] / 65535.0;
    }
    colorizer_image m = image_of(pixels, COLORIZER_GRAY_U16, W, H, 0);
    m.transfer = COLORIZER_TRANSFER_LINEAR;
    const cz_pixels src = checked(&m, CZ_IMAGE_SOURCE);
    float *light = get(sizeof(float) * job.grid.pw * job.grid.ph);
    void *scratch = get(cz_lightness_scratch(&job.grid));
    cz_lightness_rows(&job, &src, light, 0, job.grid.h, scratch);
    for (size_t y = 0; y < job.grid.h; y++)
        for (size_t x = 0; x < job.grid.w; x++) after += pow(((double)light[y * job.grid.pw + x] + 16) / 116, 3);
    assert_true(fabs(before / (W * H) - after / ((double)job.grid.w * job.grid.h)) < 1e-6);
    free(pixels);
    free(light);
    free(scratch);
}

/* ---------------------------------------------------------------- hints */

static size_t hinted(const cz_color_job *job, const float *input) {
    size_t n = 0;
    for (size_t i = 0; i < (size_t)job->grid.pw * job->grid.ph; i++) n += input[4 * i + CZ_INPUT_MASK] == 1.0f;
    return n;
}

/** Draws hints into the network's input, by way of spots. */
static void draw(const cz_color_job *job, const float *light, const colorizer_hint *hints, size_t count, float *input) {
    cz_spot spots[8];
    assert_true(count <= CZ_COUNT(spots));
    cz_network_input(job, light, spots, cz_spots(job, hints, count, spots), input);
}

static void hints_lie_where_they_should(void **state) {
    (void)state;
    const cz_color_job job =
        job_of(COLORIZER_CPU_SCALAR, &tables, &one_thread, 640, 512, 128); /* 160 x 128, factor 4 */
    const size_t pixels = (size_t)job.grid.pw * job.grid.ph;
    float *light = get(sizeof(float) * pixels), *input = get(4 * sizeof(float) * pixels);
    for (size_t i = 0; i < pixels; i++) light[i] = (float)(i % 101);
    colorizer_hint h[3] = {{.struct_size = sizeof h[0], .x = 82, .y = 42, .red = 1},
                           {.struct_size = sizeof h[0], .x = 400, .y = 300, .radius = 40, .blue = 1},
                           {.struct_size = sizeof h[0], .x = 400, .y = 300, .radius = 1, .green = 1}};
    draw(&job, light, h, 0, input);
    assert_int_equal(hinted(&job, input), 0);
    for (size_t i = 0; i < pixels; i++) {
        assert_true(fabsf(input[4 * i] - (light[i] / 50 - 1)) < 1e-6f);
        assert_true(input[4 * i + 1] == 0 && input[4 * i + 2] == 0);
    }
    draw(&job, light, h, 1, input);
    assert_in_range(hinted(&job, input), 7, 9);
    const float *p = input + 4 * (10 * job.grid.pw + 20);
    assert_true(p[CZ_INPUT_MASK] == 1.0f);
    /* sRGB red is Lab 53.24, 80.09, 67.20 */
    assert_true(fabsf(p[CZ_INPUT_A] * 110 - 80.09f) < 0.1f && fabsf(p[CZ_INPUT_B] * 110 - 67.20f) < 0.1f);
    draw(&job, light, h, 3, input);
    p = input + 4 * (75 * job.grid.pw + 100); /* the later, smaller one lies on top: green is 87.73, -86.18, 83.18 */
    assert_true(fabsf(p[CZ_INPUT_A] * 110 + 86.18f) < 0.1f && fabsf(p[CZ_INPUT_B] * 110 - 83.18f) < 0.1f);
    p = input + 4 * (75 * job.grid.pw + 107); /* blue is 32.30, 79.19, -107.86 */
    assert_true(fabsf(p[CZ_INPUT_A] * 110 - 79.19f) < 0.1f && fabsf(p[CZ_INPUT_B] * 110 + 107.86f) < 0.1f);
    p = input + 4 * (75 * job.grid.pw + 111);
    assert_true(p[CZ_INPUT_MASK] == 0.0f);
    assert_true(labs((long)hinted(&job, input) - 7 - 314) <= 12); /* pi 10^2 */
    free(light);
    free(input);
}

static void hints_at_the_edges(void **state) {
    (void)state;
    const cz_color_job job = job_of(COLORIZER_CPU_SCALAR, &tables, &one_thread, 100, 100, 100); /* padded to 128 */
    const size_t pixels = (size_t)job.grid.pw * job.grid.ph;
    float *light = get(sizeof(float) * pixels), *input = get(4 * sizeof(float) * pixels);
    static const struct {
        float x, y, radius;
        size_t least, most;
    } cases[] = {{0, 0, 0, 1, 4},
                 {99.99f, 99.99f, 0, 1, 4},
                 {-0.01f, 5, 50, 0, 0},
                 {100, 5, 50, 0, 0},
                 {5, -1, 50, 0, 0},
                 {5, 100, 50, 0, 0},
                 {50, 50, 3e38f, 10000, 10000},
                 {50, 50, 1e-30f, 4, 9},
                 {0, 50, 1000, 10000, 10000}};
    for (size_t i = 0; i < CZ_COUNT(cases); i++) {
        const colorizer_hint h = {.struct_size = sizeof h, .x = cases[i].x, .y = cases[i].y, .radius = cases[i].radius};
        draw(&job, light, &h, 1, input);
        assert_in_range(hinted(&job, input), cases[i].least, cases[i].most);
        for (size_t y = 0; y < job.grid.ph; y++)
            for (size_t x = 0; x < job.grid.pw; x++)
                if (y >= 100 || x >= 100) assert_true(input[4 * (y * job.grid.pw + x) + CZ_INPUT_MASK] == 0.0f);
    }
    free(light);
    free(input);
}

/* ---------------------------------------------------------------- confidence */

static void confidence_is_bilinear(void **state) {
    (void)state;
    const cz_color_job job = job_of(COLORIZER_CPU_SCALAR, &tables, &one_thread, 300, 200, 200); /* 75 x 50 cells */
    const size_t cells = (size_t)job.grid.cw * job.grid.ch;
    float *confidence = get(sizeof(float) * cells);
    for (size_t y = 0; y < job.grid.ch; y++)
        for (size_t x = 0; x < job.grid.cw; x++) /* a ramp; cells in the padding would show */
            confidence[y * job.grid.cw + x] = x < 75 && y < 50 ? ((float)x + 0.5f) / 75 : 100.0f;
    enum { W = 600, H = 70 };
    float *f = get(sizeof(float) * W * H);
    uint8_t *u8 = get(W * H + 8);
    uint16_t *u16 = get(2 * W * H);
    const colorizer_image mf = image_of(f, COLORIZER_GRAY_F32, W, H, 0);
    const colorizer_image m8 = image_of(u8, COLORIZER_GRAY_U8, W, H, 0);
    const colorizer_image m16 = image_of(u16, COLORIZER_GRAY_U16, W, H, -2 * W);
    cz_pixels p = checked(&mf, CZ_IMAGE_GRAY);
    cz_confidence(&job, confidence, &p);
    p = checked(&m8, CZ_IMAGE_GRAY);
    cz_confidence(&job, confidence, &p);
    p = checked(&m16, CZ_IMAGE_GRAY);
    cz_confidence(&job, confidence, &p);
    for (size_t y = 0; y < H; y++)
        for (size_t x = 0; x < W; x++) {
            const double ramp = ((double)x + 0.5) / W, truth = fmin(fmax(ramp, 0.5 / 75), 74.5 / 75);
            assert_true(fabs((double)f[y * W + x] - truth) < 1e-5);
            assert_true(fabs(u8[y * W + x] - 255 * truth) < 0.51);
            assert_true(fabs(u16[y * W + x] - 65535 * truth) < 1.5);
        }
    for (size_t i = W * H; i < W * H + 8; i++) assert_int_equal(u8[i], 0);
    free(confidence);
    free(f);
    free(u8);
    free(u16);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_refusal_names_its_field),
        cmocka_unit_test(good_images_pass),
        cmocka_unit_test(other_struct_sizes),
        cmocka_unit_test(pairs),
        cmocka_unit_test(sizes_keep_the_shape),
        cmocka_unit_test(lightness_is_the_area_mean),
        cmocka_unit_test(the_mean_light_is_kept),
        cmocka_unit_test(hints_lie_where_they_should),
        cmocka_unit_test(hints_at_the_edges),
        cmocka_unit_test(confidence_is_bilinear),
    };
    cz_color_tables_init(&tables, cz_color(COLORIZER_CPU_SCALAR));
    return cmocka_run_group_tests_name("image", tests, NULL, NULL);
}
