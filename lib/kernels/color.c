/* SPDX-License-Identifier: BSD-2-Clause
 * The per-pixel loops of the colour pipeline; docs/color.md derives them and says why the constants are what they are.
 * One lane is one pixel, and its result never depends on its neighbours, so rows may be cut anywhere. */
#define CZ_LANE_WISE /* see vec.h */
#include "kernels/color.h"

#include "kernels/math.h"

#include <string.h>

/* CIE 15:2004: f(t) = cbrt(t) above (24/116)^3, else (841/108) t + 16/116. */
#define LAB_KNEE   (24.0f / 116.0f)
#define LAB_KNEE_3 ((24.0f * 24.0f * 24.0f) / (116.0f * 116.0f * 116.0f))
#define LAB_SLOPE  (841.0f / 108.0f)
#define LAB_OFFSET (16.0f / 116.0f)

/* Below this L chroma fades to zero, smoothly. */
#define DARK_L 6.0f

/* Not inlined: what is large and used in many places. By pointer, as a vector may take several registers. */
#if defined(__GNUC__)
#define PIECE static __attribute__((noinline))
#else
#define PIECE static
#endif

/** color_chroma.c */
void CZ_NAME(cz_color_mean)(const cz_chroma_bins *bins, float *logits, size_t n, float *a, float *b);
void CZ_NAME(cz_color_confidence)(const cz_chroma_bins *bins, const float *shares, size_t n, const float *a,
                                  const float *b, float *confidence);

/* ---------------------------------------------------------------- transfer */

/* Transfer functions are of what is not negative; floats go through them by size and take their sign again, or are held
 * at the ends of a curve. */
static inline void hold_on_curve(const cz_layout_px *px, vf *v, int n) {
    for (int i = 0; i < n && px->transfer == COLORIZER_TRANSFER_CURVE; i++) v[i] = vf_clamp(v[i], 0.0f, 1.0f);
}

/** Samples to light on a curve of the caller's: straight between its values. NaN is 0, as an index must be one. */
static inline vf curve_decode(const cz_layout_px *px, vf v) {
    const vf last = vf_set1((float)(px->curve_size - 1)), at = vf_mul(vf_clamp(v, 0.0f, 1.0f), last);
    const vf left = vf_floor(at), right = vf_min(vf_add(left, vf_set1(1.0f)), last);
    const vf a = vf_gather(px->curve, vi_round(left)), b = vf_gather(px->curve, vi_round(right));
    return vf_fma(vf_sub(b, a), vf_sub(at, left), a);
}

/** Light to samples 0..1: the least sample that has this light, but 1 for white. The last value below the light is
 *  found bit by bit of its index. */
static inline vf curve_encode(const cz_layout_px *px, vf v) {
    const vf last = vf_set1((float)(px->curve_size - 1));
    vf left = vf_zero();
    for (uint32_t step = 1u << 15; step > 0; step >>= 1) {
        const vf at = vf_min(vf_add(left, vf_set1((float)step)), last);
        left = vf_select(vf_lt(vf_gather(px->curve, vi_round(at)), v), at, left);
    }
    const vf a = vf_gather(px->curve, vi_round(left));
    const vf b = vf_gather(px->curve, vi_round(vf_min(vf_add(left, vf_set1(1.0f)), last)));
    const vf share = vf_select(vf_lt(a, b), vf_div(vf_sub(v, a), vf_sub(b, a)), vf_zero());
    const vf place = vf_div(vf_add(left, vf_clamp(share, 0.0f, 1.0f)), last);
    return vf_select(vf_le(vf_set1(1.0f), v), vf_set1(1.0f), place);
}

/** IEC 61966-2-1, samples to light, not negative. */
PIECE void srgb_decode(vf *v) {
    const vf high = vf_powf_const(vf_div(vf_add(*v, vf_set1(0.055f)), vf_set1(1.055f)), 2.4);
    *v = vf_select(vf_le(*v, vf_set1(0.04045f)), vf_div(*v, vf_set1(12.92f)), high);
}

/** IEC 61966-2-1, light to samples, not negative. The offset is what is left of 1 in floats, so that 1 gives 1. */
PIECE void srgb_encode(vf *v) {
    const float scale = 1.055f, offset = 1.0f - scale;
    const vf high = vf_fma(vf_pow_5_12(*v), vf_set1(scale), vf_set1(offset));
    *v = vf_select(vf_le(*v, vf_set1(0.0031308f)), vf_mul(*v, vf_set1(12.92f)), high);
}

/** The other transfers, both ways. */
PIECE void by_gamma_or_curve(const cz_layout_px *px, vf *v, bool to_light) {
    if (px->transfer == COLORIZER_TRANSFER_CURVE)
        *v = to_light ? curve_decode(px, *v) : curve_encode(px, *v);
    else if (px->transfer == COLORIZER_TRANSFER_GAMMA)
        *v = vf_powf_const(*v, to_light ? (double)px->gamma : 1.0 / (double)px->gamma);
}

/** Samples to light, n vectors, not negative. */
static inline void decode(const cz_layout_px *px, vf *v, int n) {
    for (int i = 0; i < n; i++)
        if (px->transfer == COLORIZER_TRANSFER_SRGB)
            srgb_decode(v + i);
        else
            by_gamma_or_curve(px, v + i, true);
}

/** Light to samples, n vectors, not negative; of 0..1 none is above 1 (tests/test_pixels.c). */
static inline void encode_all(const cz_layout_px *px, vf *v, int n) {
    for (int i = 0; i < n; i++)
        if (px->transfer == COLORIZER_TRANSFER_SRGB)
            srgb_encode(v + i);
        else
            by_gamma_or_curve(px, v + i, false);
}

/** Luminance: red, green, blue times their weights, in that order. */
static inline vf luma(const float *weight, vf r, vf g, vf b) {
    const vf rg = vf_add(vf_mul(r, vf_set1(weight[0])), vf_mul(g, vf_set1(weight[1])));
    return vf_add(rg, vf_mul(b, vf_set1(weight[2])));
}

static void tables(cz_color_tables *t) {
    for (int i = 0; i < 256; i += VL) {
        float code[VL];
        for (int j = 0; j < VL; j++) code[j] = (float)(i + j);
        vf v = vf_div(vf_load(code), vf_set1(255.0f));
        vf_store(t->light[COLORIZER_TRANSFER_LINEAR] + i, v);
        srgb_decode(&v);
        vf_store(t->light[COLORIZER_TRANSFER_SRGB] + i, v);
    }
}

/* ---------------------------------------------------------------- reading */

/** u8 of a transfer that has a table. */
static bool in_table(const cz_layout_px *px) {
    return px->sample == CZ_SAMPLE_U8 && px->transfer <= COLORIZER_TRANSFER_LINEAR && !px->premultiplied;
}

static void luminance_u8(const float *light, const cz_layout_px *px, const uint8_t *p, size_t n, float *y) {
    const float *w = px->primaries.weight;
    const size_t step = px->channels;
    if (step < 3) {
        for (size_t i = 0; i < n; i++) y[i] = light[p[i * step]];
        return;
    }
    for (size_t i = 0; i < n; i++, p += step) /* as luma() does: this file is compiled without contraction */
        y[i] = light[p[px->red]] * w[0] + light[p[px->green]] * w[1] + light[p[px->blue]] * w[2];
}

static inline float top_code(const cz_layout_px *px) { return px->sample == CZ_SAMPLE_U8 ? 255.0f : 65535.0f; }

/** One channel of a vector of pixels; lanes past `count` are 0. Codes as 0..1; floats as they are, but finite: NaN and
 *  -Inf are 0, +Inf is 1. */
static vf read_channel(const cz_layout_px *px, const void *pixels, size_t first, size_t index, size_t count) {
    float v[VL] = {0};
    const size_t step = px->channels, start = first * step + index;
    if (px->sample == CZ_SAMPLE_F32) {
        const float *p = (const float *)pixels + start;
        for (size_t i = 0; i < count; i++) v[i] = p[i * step];
        const vf value = vf_load(v), infinity = vf_bits(vi_set1(0x7F800000));
        const vf odd = vf_select(vf_eq(value, infinity), vf_set1(1.0f), vf_zero());
        return vf_add(vf_select(vf_lt(vf_abs(value), infinity), value, odd), vf_zero()); /* no -0 */
    }
    if (px->sample == CZ_SAMPLE_U8) {
        const uint8_t *p = (const uint8_t *)pixels + start;
        for (size_t i = 0; i < count; i++) v[i] = (float)p[i * step];
    } else {
        const uint16_t *p = (const uint16_t *)pixels + start;
        for (size_t i = 0; i < count; i++) v[i] = (float)p[i * step];
    }
    return vf_div(vf_load(v), vf_set1(top_code(px)));
}

/** Alpha of premultiplied pixels, not negative. */
static vf read_alpha(const cz_layout_px *px, const void *pixels, size_t first, size_t count) {
    return vf_max(read_channel(px, pixels, first, px->alpha, count), vf_zero());
}

/** Floats through the transfer function by their size; light is held within CZ_LIGHT_MOST. */
static inline void decode_floats(const cz_layout_px *px, vf *c, int n) {
    vf light[3];
    hold_on_curve(px, c, n);
    for (int k = 0; k < n; k++) light[k] = vf_abs(c[k]);
    decode(px, light, n);
    for (int k = 0; k < n; k++) c[k] = vf_with_sign_(vf_min(light[k], vf_set1(CZ_LIGHT_MOST)), c[k]);
}

/** Linear light of up to three channels. */
static inline void read_light(const cz_layout_px *px, const void *pixels, size_t first, size_t count, vf *c, int n) {
    const uint8_t index[3] = {px->red, px->green, px->blue};
    for (int k = 0; k < n; k++) c[k] = read_channel(px, pixels, first, index[k], count);
    if (px->premultiplied) {
        const vf alpha = read_alpha(px, pixels, first, count);
        for (int k = 0; k < n; k++) c[k] = vf_select(vf_lt(vf_zero(), alpha), vf_div(c[k], alpha), vf_zero());
        for (int k = 0; k < n && px->sample != CZ_SAMPLE_F32; k++) /* more colour than alpha is damage */
            c[k] = vf_min(c[k], vf_set1(1.0f));
    }
    if (px->sample == CZ_SAMPLE_F32)
        decode_floats(px, c, n);
    else
        decode(px, c, n);
}

static void luminance(const cz_color_tables *t, cz_layout_px px, const void *pixels, size_t n, float *y) {
    if (in_table(&px)) {
        luminance_u8(t->light[px.transfer], &px, pixels, n, y);
        return;
    }
    VF_FOR(i, n, count) {
        vf c[3];
        read_light(&px, pixels, i, count, c, px.channels < 3 ? 1 : 3);
        vf_store_n(y + i, px.channels < 3 ? c[0] : luma(px.primaries.weight, c[0], c[1], c[2]), count);
    }
}

static void lightness(const float *y, size_t n, float *l) {
    VF_FOR(i, n, count) {
        const vf t = vf_load_n(y + i, count);
        const vf low = vf_fma(t, vf_set1(LAB_SLOPE), vf_set1(LAB_OFFSET));
        const vf f = vf_select(vf_lt(vf_set1(LAB_KNEE_3), t), vf_cbrt(t), low);
        const vf r = vf_clamp(vf_fma(f, vf_set1(116.0f), vf_set1(-16.0f)), 0.0f, 100.0f);
        vf_store_n(l + i, r, count);
    }
}

static void accumulate(const float *y, float weight, size_t n, float *sum) {
    const vf w = vf_set1(weight);
    VF_FOR(i, n, count)
    vf_store_n(sum + i, vf_fma(vf_load_n(y + i, count), w, vf_load_n(sum + i, count)), count);
}

static void mix(const float *top, const float *bottom, float share, size_t n, float *out) {
    const vf s = vf_set1(share);
    VF_FOR(i, n, count) {
        const vf a = vf_load_n(top + i, count);
        vf_store_n(out + i, vf_fma(vf_sub(vf_load_n(bottom + i, count), a), s, a), count);
    }
}

/* ---------------------------------------------------------------- hints over what is alike */

/** a += sum over the spreads of e a_i, b likewise, with e = exp(-1/2 sum over the axes of (place - at_i)^2); axes, then
 *  spreads, ascending; results are held in -128..128. */
static void spread(const cz_spread *from, size_t count, const float *const *axis, size_t n, float *a, float *b) {
    const vf low = vf_set1(-128.0f), high = vf_set1(128.0f);
    VF_FOR(i, n, lanes) {
        vf va = vf_load_n(a + i, lanes), vb = vf_load_n(b + i, lanes);
        for (size_t s = 0; s < count; s++) {
            vf d2 = vf_zero();
            for (size_t k = 0; k < CZ_SPREAD_AXES; k++) {
                const vf d = vf_sub(vf_load_n(axis[k] + i, lanes), vf_set1(from[s].at[k]));
                d2 = vf_fma(d, d, d2);
            }
            const vf e = vf_exp_neg(vf_max(vf_mul(d2, vf_set1(-0.5f)), vf_set1(-100.0f)));
            va = vf_fma(e, vf_set1(from[s].a), va);
            vb = vf_fma(e, vf_set1(from[s].b), vb);
        }
        vf_store_n(a + i, vf_min(vf_max(va, low), high), lanes);
        vf_store_n(b + i, vf_min(vf_max(vb, low), high), lanes);
    }
}

/* ---------------------------------------------------------------- chroma from its grid to the working image */

#define BILATERAL_SPACE 0.5f     /* standard deviation in cells */
#define BILATERAL_L     6.0f     /* and in L */
#define BILATERAL_FLOOR (-14.0f) /* ln of the least share a cell of quite another L keeps */

/** Joint bilateral upsampling (Kopf et al. 2007): over the 4 x 4 cells around a pixel, in rows,
 *  weight = exp(-distance^2 / (2 space^2) + max(-(L - cell L)^2 / (2 l^2), floor)). */
static void bilateral(const cz_chroma_rows *g, const float *light, size_t n, float *a, float *b) {
    const vf space = vf_set1(-0.5f / (BILATERAL_SPACE * BILATERAL_SPACE)), cell = vf_set1((float)g->cell);
    const vf range = vf_set1(-0.5f / (BILATERAL_L * BILATERAL_L)), floor_ = vf_set1(BILATERAL_FLOOR);
    float lane[VL];
    for (int i = 0; i < VL; i++) lane[i] = (float)i + 0.5f;
    VF_FOR(x, n, count) {
        const vf column = vf_sub(vf_div(vf_add(vf_set1((float)x), vf_load(lane)), cell), vf_set1(0.5f));
        const vf column0 = vf_sub(vf_floor(column), vf_set1(1.0f)), l = vf_load_n(light + x, count);
        vf sum = vf_zero(), sa = vf_zero(), sb = vf_zero();
        for (int j = 0; j < 4; j++) {
            const vf dy = vf_set1(g->distance[j]), dy2 = vf_mul(dy, dy);
            for (size_t i = 0; i < 4; i++) {
                const size_t at = x + i * g->cell;
                const vf dx = vf_sub(vf_add(column0, vf_set1((float)i)), column);
                const vf dl = vf_sub(l, vf_load(g->light[j] + at));
                const vf near = vf_max(vf_mul(vf_mul(dl, dl), range), floor_);
                const vf w = vf_exp_neg(vf_fma(vf_fma(dx, dx, dy2), space, near));
                sum = vf_add(sum, w);
                sa = vf_fma(w, vf_load(g->a[j] + at), sa);
                sb = vf_fma(w, vf_load(g->b[j] + at), sb);
            }
        }
        vf_store_n(a + x, vf_add(vf_load_n(a + x, count), vf_div(sa, sum)), count);
        vf_store_n(b + x, vf_add(vf_load_n(b + x, count), vf_div(sb, sum)), count);
    }
}

/* ---------------------------------------------------------------- chroma as a line over lightness */

#define FIT_NOISE 16.0f /* variance of L below which the fit goes flat */

/** Repeats the ends of a row of n values that begins at row[CZ_FIT_RADIUS]. */
static void repeat_ends(float *row, size_t n) {
    for (size_t i = 0; i < CZ_FIT_RADIUS; i++) {
        row[i] = row[CZ_FIT_RADIUS];
        row[CZ_FIT_RADIUS + n + i] = row[CZ_FIT_RADIUS + n - 1];
    }
}

/** Sum of a row's window, left to right; row[0] is one radius left of pixel 0. */
static inline vf window(const float *row, size_t x, size_t count) {
    vf s = vf_load_n(row + x, count);
    for (size_t i = 1; i < CZ_FIT_ROWS; i++) s = vf_add(s, vf_load_n(row + x + i, count));
    return s;
}

/** Sums of L, L^2, a, b, L a, L b down the window, then across; with means over the window,
 *  slope = (mean(L a) - mean L mean a) / (mean(L^2) - (mean L)^2 + noise), offset = mean a - slope mean L. */
static void fit(const float *const *light, const float *const *a, const float *const *b, size_t n, float *scratch,
                float *const *out) {
    const size_t pitch = n + 2 * CZ_FIT_RADIUS;
    float *s[6];
    for (int k = 0; k < 6; k++) s[k] = scratch + (size_t)k * pitch;
    VF_FOR(x, n, count) {
        vf sum[6] = {vf_zero(), vf_zero(), vf_zero(), vf_zero(), vf_zero(), vf_zero()};
        for (int j = 0; j < CZ_FIT_ROWS; j++) {
            const vf l = vf_load_n(light[j] + x, count), va = vf_load_n(a[j] + x, count),
                     vb = vf_load_n(b[j] + x, count);
            sum[0] = vf_add(sum[0], l);
            sum[1] = vf_fma(l, l, sum[1]);
            sum[2] = vf_add(sum[2], va);
            sum[3] = vf_add(sum[3], vb);
            sum[4] = vf_fma(l, va, sum[4]);
            sum[5] = vf_fma(l, vb, sum[5]);
        }
        for (int k = 0; k < 6; k++) vf_store_n(s[k] + CZ_FIT_RADIUS + x, sum[k], count);
    }
    for (int k = 0; k < 6; k++) repeat_ends(s[k], n);
    const vf part = vf_set1(1.0f / (CZ_FIT_ROWS * CZ_FIT_ROWS));
    VF_FOR(x, n, count) {
        vf m[6];
        for (int k = 0; k < 6; k++) m[k] = vf_mul(window(s[k], x, count), part);
        const vf spread = vf_max(vf_fnma(m[0], m[0], m[1]), vf_zero()), bottom = vf_add(spread, vf_set1(FIT_NOISE));
        const vf slope_a = vf_div(vf_fnma(m[0], m[2], m[4]), bottom);
        const vf slope_b = vf_div(vf_fnma(m[0], m[3], m[5]), bottom);
        vf_store_n(out[0] + x, slope_a, count);
        vf_store_n(out[1] + x, vf_fnma(slope_a, m[0], m[2]), count);
        vf_store_n(out[2] + x, slope_b, count);
        vf_store_n(out[3] + x, vf_fnma(slope_b, m[0], m[3]), count);
    }
}

/** Mean of the window: down, then across. */
static void smooth(const float *const *rows, size_t n, float *scratch, float *out) {
    VF_FOR(x, n, count) {
        vf s = vf_load_n(rows[0] + x, count);
        for (int j = 1; j < CZ_FIT_ROWS; j++) s = vf_add(s, vf_load_n(rows[j] + x, count));
        vf_store_n(scratch + CZ_FIT_RADIUS + x, s, count);
    }
    repeat_ends(scratch, n);
    VF_FOR(x, n, count)
    vf_store_n(out + x, vf_mul(window(scratch, x, count), vf_set1(1.0f / (CZ_FIT_ROWS * CZ_FIT_ROWS))), count);
}

/* ---------------------------------------------------------------- colour of a pixel */

/** The inverse of CIE 15's f. */
static inline vf lab_inverse(vf f) {
    const vf low = vf_mul(vf_sub(f, vf_set1(LAB_OFFSET)), vf_set1(1.0f / LAB_SLOPE));
    return vf_select(vf_lt(vf_set1(LAB_KNEE), f), vf_mul(vf_mul(f, f), f), low);
}

typedef struct {
    vf r, g, b;
} rgb;

/** Colour at luminance y, f(Y) = fy, whose inverse is y0, with a / 500 = fa and b / 200 = fb. y0 stands in for y in the
 *  differences: no chroma then gives r = g = b = y to the last bit. */
/** cz_primaries, a vector of each. */
typedef struct {
    vf x[3], z[3];
} space_v;

static inline rgb colour_at(const space_v *s, vf y, vf fy, vf y0, vf fa, vf fb) {
    const vf dx = vf_sub(lab_inverse(vf_add(fy, fa)), y0), dz = vf_sub(lab_inverse(vf_sub(fy, fb)), y0);
    return (rgb){vf_fma(dx, s->x[0], vf_fma(dz, s->z[0], y)), vf_fma(dx, s->x[1], vf_fma(dz, s->z[1], y)),
                 vf_fma(dx, s->x[2], vf_fma(dz, s->z[2], y))};
}

static inline vm in_gamut(rgb c) {
    const vf low = vf_min(vf_min(c.r, c.g), c.b), high = vf_max(vf_max(c.r, c.g), c.b);
    return vm_and(vf_le(vf_zero(), low), vf_le(high, vf_set1(1.0f)));
}

/** The share of the chroma, at the same hue and lightness, that the space holds: bisection to 1 / 4096. A share of 0 is
 *  gray and in gamut, or the luminance itself is not in 0..1. Lanes already in gamut keep 1. */
static inline vf share_in_gamut(const space_v *s, vm inside, vf y, vf fy, vf y0, vf fa, vf fb) {
    vf low = vf_select(inside, vf_set1(1.0f), vf_zero()), high = vf_set1(1.0f);
    for (int i = 0; i < 12; i++) {
        const vf t = vf_mul(vf_add(low, high), vf_set1(0.5f));
        const vm ok = in_gamut(colour_at(s, y, fy, y0, vf_mul(fa, t), vf_mul(fb, t)));
        low = vf_select(ok, t, low);
        high = vf_select(ok, high, t);
    }
    return low;
}

/** Share of the chroma that dark pixels keep: 3 u^2 - 2 u^3 of u = L / DARK_L, 1 from there on. */
static inline vf dark_share(vf l) {
    const vf u = vf_min(vf_mul(l, vf_set1(1.0f / DARK_L)), vf_set1(1.0f));
    return vf_mul(vf_mul(u, u), vf_fnma(vf_set1(2.0f), u, vf_set1(3.0f)));
}

/** Values of a line, straight between those at i[0] and i[1]. */
static inline vf between(const float *line, bool near, const vi *i, vf share) {
    const vf left = near ? vf_lookup(line, i[0]) : vf_gather(line, i[0]);
    const vf right = near ? vf_lookup(line, i[1]) : vf_gather(line, i[1]);
    return vf_fma(vf_sub(right, left), share, left);
}

static void colour(const cz_primaries *space, bool ab, const float *const *lines, size_t width, float scale,
                   size_t first, const float *y, const float *l, const float *strength, size_t n, float *red,
                   float *green, float *blue) {
    const vf last = vf_set1((float)(width - 1)), one = vf_set1(1.0f);
    /* a vector's values are among 16, which a register or two hold: quicker than from memory one by one */
    const bool near = VL > 1 && width >= 16 && scale * (float)(VL - 1) <= 13.0f;
    float lane[VL], lefts[VL];
    space_v v;
    for (int i = 0; i < 3; i++) {
        v.x[i] = vf_set1(space->x[i]);
        v.z[i] = vf_set1(space->z[i]);
    }
    for (int i = 0; i < VL; i++) lane[i] = (float)i + 0.5f;
    VF_FOR(i, n, count) {
        const vf at = vf_fma(vf_add(vf_set1((float)(first + i)), vf_load(lane)), vf_set1(scale), vf_set1(-0.5f));
        const vf place = vf_min(vf_max(at, vf_zero()), last), left = vf_floor(place), share = vf_sub(place, left);
        vf_store(lefts, left);
        const size_t base = near ? cz_min((size_t)lefts[0], width - 16) : 0;
        const vi begin = vi_set1((int32_t)base), right = vi_round(vf_min(vf_add(left, one), last));
        const vi at16[2] = {vi_sub(vi_round(left), begin), vi_sub(right, begin)};
        vf k[4];
        CZ_ROLLED for (int j = 0; j < 4; j++) k[j] = between(lines[j] + base, near, at16, share);
        const vf lum = vf_load_n(y + i, count), light = vf_load_n(l + i, count);
        const vf amount = vf_mul(vf_load_n(strength + i, count), dark_share(light));
        const vf a = vf_clamp(vf_fma(k[0], light, k[1]), -128.0f, 128.0f);
        const vf b = vf_clamp(vf_fma(k[2], light, k[3]), -128.0f, 128.0f);
        vf fa = vf_mul(vf_mul(a, amount), vf_set1(1.0f / 500.0f));
        vf fb = vf_mul(vf_mul(b, amount), vf_set1(1.0f / 200.0f));
        const vf fy = vf_mul(vf_add(light, vf_set1(16.0f)), vf_set1(1.0f / 116.0f)), y0 = lab_inverse(fy);
        rgb c = colour_at(&v, lum, fy, y0, fa, fb);
        const vm inside = in_gamut(c);
        if (vm_any(vm_not(inside))) {
            const vf t = share_in_gamut(&v, inside, lum, fy, y0, fa, fb);
            fa = vf_mul(fa, t);
            fb = vf_mul(fb, t);
            c = colour_at(&v, lum, fy, y0, fa, fb);
        }
        if (ab) c = (rgb){vf_mul(fa, vf_set1(500.0f)), vf_mul(fb, vf_set1(200.0f)), c.b};
        vf_store_n(red + i, c.r, count);
        vf_store_n(green + i, c.g, count);
        vf_store_n(blue + i, c.b, count);
    }
}

/* ---------------------------------------------------------------- writing */

/** Rounds a colour to whole codes so that its luminance stays y: red and blue to the nearest code, green to the code
 *  nearest to what is then left of the luminance. Where all three round to one code it stays, so gray stays gray.
 *  `codes` is the code of 1: the top one, or that of alpha where colours are multiplied by it. */
static inline void to_codes(const cz_color_tables *t, const cz_layout_px *px, vf codes, vf y, rgb c, vi *r, vi *g,
                            vi *b) {
    const float *w = px->primaries.weight;
    vf v[3] = {c.r, c.g, c.b};
    encode_all(px, v, 3);
    *r = vi_round(vf_mul(v[0], codes));
    *g = vi_round(vf_mul(v[1], codes));
    *b = vi_round(vf_mul(v[2], codes));
    const vf fr = vf_from_i(*r), fg = vf_from_i(*g), fb = vf_from_i(*b);
    const vm same = vm_and(vf_eq(fr, fg), vf_eq(fb, fg)); /* so where alpha is 0, and with it all three */
    if (!vm_any(vm_not(same))) return;
    if (in_table(px)) {
        v[0] = vf_gather(t->light[px->transfer], *r);
        v[1] = vf_gather(t->light[px->transfer], *b);
    } else {
        v[0] = vf_div(fr, codes);
        v[1] = vf_div(fb, codes);
        decode(px, v, 2);
    }
    const vf rest = vf_sub(vf_sub(y, vf_mul(v[0], vf_set1(w[0]))), vf_mul(v[1], vf_set1(w[2])));
    vf left = vf_clamp(vf_mul(rest, vf_set1(1.0f / w[1])), 0.0f, 1.0f);
    encode_all(px, &left, 1);
    const vf code = vf_from_i(vi_round(vf_mul(left, codes)));
    *g = vi_round(vf_select(same, fg, code));
}

static void encode_floats(const cz_layout_px *px, rgb c, size_t first, size_t count, float *pixels) {
    float r[VL], g[VL], b[VL], *p = pixels + first * px->channels;
    vf light[3] = {c.r, c.g, c.b};
    hold_on_curve(px, light, 3);
    vf v[3] = {vf_abs(light[0]), vf_abs(light[1]), vf_abs(light[2])};
    encode_all(px, v, 3);
    if (px->premultiplied) {
        const vf alpha = read_alpha(px, pixels, first, count);
        for (int k = 0; k < 3; k++) v[k] = vf_mul(v[k], alpha);
    }
    vf_store(r, vf_with_sign_(v[0], light[0]));
    vf_store(g, vf_with_sign_(v[1], light[1]));
    vf_store(b, vf_with_sign_(v[2], light[2]));
    for (size_t j = 0; j < count; j++, p += px->channels) {
        p[px->red] = r[j];
        p[px->green] = g[j];
        p[px->blue] = b[j];
    }
}

static void encode(const cz_color_tables *t, cz_layout_px px, const float *y, const float *red, const float *green,
                   const float *blue, size_t n, void *pixels) {
    const size_t step = px.channels;
    VF_FOR(i, n, count) {
        const rgb raw = {vf_load_n(red + i, count), vf_load_n(green + i, count), vf_load_n(blue + i, count)};
        if (px.sample == CZ_SAMPLE_F32) {
            encode_floats(&px, raw, i, count, pixels);
            continue;
        }
        const rgb c = {vf_clamp(raw.r, 0.0f, 1.0f), vf_clamp(raw.g, 0.0f, 1.0f), vf_clamp(raw.b, 0.0f, 1.0f)};
        vf codes = vf_set1(top_code(&px));
        if (px.premultiplied) codes = vf_from_i(vi_round(vf_mul(read_alpha(&px, pixels, i, count), codes)));
        int32_t r[VL], g[VL], b[VL];
        vi ir, ig, ib;
        to_codes(t, &px, codes, vf_load_n(y + i, count), c, &ir, &ig, &ib);
        vi_store(r, ir);
        vi_store(g, ig);
        vi_store(b, ib);
        if (px.sample == CZ_SAMPLE_U8) {
            uint8_t *p = (uint8_t *)pixels + i * step;
            for (size_t j = 0; j < count; j++, p += step) {
                p[px.red] = (uint8_t)r[j];
                p[px.green] = (uint8_t)g[j];
                p[px.blue] = (uint8_t)b[j];
            }
        } else {
            uint16_t *p = (uint16_t *)pixels + i * step;
            for (size_t j = 0; j < count; j++, p += step) {
                p[px.red] = (uint16_t)r[j];
                p[px.green] = (uint16_t)g[j];
                p[px.blue] = (uint16_t)b[j];
            }
        }
    }
}

extern const cz_color_kernels CZ_NAME(cz_color);
const cz_color_kernels CZ_NAME(cz_color) = {luminance,
                                            lightness,
                                            accumulate,
                                            mix,
                                            CZ_NAME(cz_color_mean),
                                            CZ_NAME(cz_color_confidence),
                                            spread,
                                            bilateral,
                                            fit,
                                            smooth,
                                            colour,
                                            encode,
                                            tables};
