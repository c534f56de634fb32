/* SPDX-License-Identifier: BSD-2-Clause
 * Spaces of red, green and blue, by name or matrix, as what the loops over pixels need of them. */
#include "image/image.h"

/* IEC 61966-2-1's matrix and its inverse over white. */
const cz_primaries cz_primaries_srgb = {.weight = {0.2126f, 0.7152f, 0.0722f},
                                        .x = {3.080214516f, -0.920968644f, 0.052952469f},
                                        .z = {-0.543006544f, 0.045212583f, 1.151068581f}};

typedef struct {
    double m[3][3];
} matrix3;

static matrix3 product(const matrix3 *a, const matrix3 *b) {
    matrix3 r;
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            r.m[i][j] = a->m[i][0] * b->m[0][j] + a->m[i][1] * b->m[1][j] + a->m[i][2] * b->m[2][j];
    return r;
}

/** By cofactors; of a matrix that has no inverse infinities and NaN. */
static matrix3 inverse(const matrix3 *a) {
    matrix3 r;
    double determinant = 0;
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            const int p = (i + 1) % 3, q = (i + 2) % 3, s = (j + 1) % 3, t = (j + 2) % 3;
            r.m[j][i] = a->m[p][s] * a->m[q][t] - a->m[p][t] * a->m[q][s];
        }
    for (int j = 0; j < 3; j++) determinant += a->m[0][j] * r.m[j][0];
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) r.m[i][j] /= determinant;
    return r;
}

/** Row i of the result is row i of `a` times scale[i] (left), or column i (right). */
static matrix3 scaled(const matrix3 *a, const double *left, const double *right) {
    matrix3 r;
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            r.m[i][j] = (left == NULL ? 1 : left[i]) * a->m[i][j] * (right == NULL ? 1 : right[j]);
    return r;
}

/** Chromaticities of red, green, blue and white to the matrix whose white has Y = 1. */
static matrix3 from_chromaticities(const double xy[4][2]) {
    matrix3 columns;
    double white[3], share[3];
    for (int j = 0; j < 4; j++) {
        const double xyz[3] = {xy[j][0] / xy[j][1], 1, (1 - xy[j][0] - xy[j][1]) / xy[j][1]};
        for (int i = 0; i < 3; i++)
            if (j < 3)
                columns.m[i][j] = xyz[i];
            else
                white[i] = xyz[i];
    }
    const matrix3 back = inverse(&columns);
    for (int j = 0; j < 3; j++) share[j] = back.m[j][0] * white[0] + back.m[j][1] * white[1] + back.m[j][2] * white[2];
    return scaled(&columns, NULL, share);
}

/** White to D65 by K. M. Lam's cone responses ("Bradford", 1985), and all relative to it: rows that sum to 1. */
static matrix3 relative_to_white(const matrix3 *a) {
    static const matrix3 cones = {{{0.8951, 0.2664, -0.1614}, {-0.7502, 1.7135, 0.0367}, {0.0389, -0.0685, 1.0296}}};
    static const double d65[3] = {0.3127 / 0.3290, 1, (1 - 0.3127 - 0.3290) / 0.3290};
    const matrix3 own = product(&cones, a), back = inverse(&cones);
    double share[3], over_white[3];
    for (int i = 0; i < 3; i++) {
        const double *c = cones.m[i];
        share[i] = (c[0] * d65[0] + c[1] * d65[1] + c[2] * d65[2]) / (own.m[i][0] + own.m[i][1] + own.m[i][2]);
        over_white[i] = 1 / d65[i];
    }
    const matrix3 adapted = scaled(&own, share, NULL), xyz = product(&back, &adapted);
    return scaled(&xyz, over_white, NULL);
}

/** @return false where the matrix is of no use: white is none, it has no inverse, or green does not hold most of the
 * luminance, so that rounding green to a code could not keep it. */
static bool from_matrix(const matrix3 *a, cz_primaries *out) {
    const double most = 1000; /* real spaces have less than 5 */
    const matrix3 m = relative_to_white(a), back = inverse(&m);
    for (int i = 0; i < 3; i++)
        if (!(a->m[i][0] + a->m[i][1] + a->m[i][2] > 0)) return false; /* white */
    for (int i = 0; i < 3; i++) {
        const double values[3] = {m.m[1][i], back.m[i][0], back.m[i][2]};
        for (int j = 0; j < 3; j++)
            if (!(values[j] >= -most && values[j] <= most)) return false;
        out->weight[i] = (float)values[0];
        out->x[i] = (float)values[1];
        out->z[i] = (float)values[2];
    }
    const double red = m.m[1][0], green = m.m[1][1], blue = m.m[1][2];
    return green >= red && green >= -red && green >= blue && green >= -blue;
}

bool cz_primaries_make(int32_t primaries, const float matrix[9], cz_primaries *out) {
    static const double named[][4][2] = {
        [COLORIZER_PRIMARIES_DISPLAY_P3] = {{0.680, 0.320}, {0.265, 0.690}, {0.150, 0.060}, {0.3127, 0.3290}},
        [COLORIZER_PRIMARIES_ADOBE_RGB] = {{0.64, 0.33}, {0.21, 0.71}, {0.15, 0.06}, {0.3127, 0.3290}},
        [COLORIZER_PRIMARIES_PROPHOTO] = {{0.734699, 0.265301},
                                          {0.159597, 0.840403},
                                          {0.036598, 0.000105},
                                          {0.345704, 0.358540}},
        [COLORIZER_PRIMARIES_BT2020] = {{0.708, 0.292}, {0.170, 0.797}, {0.131, 0.046}, {0.3127, 0.3290}}};
    matrix3 a;
    *out = cz_primaries_srgb;
    if (primaries == COLORIZER_PRIMARIES_SRGB) return true;
    if (primaries != COLORIZER_PRIMARIES_MATRIX) {
        a = from_chromaticities(named[primaries]);
        return from_matrix(&a, out);
    }
    for (int i = 0; i < 9; i++) a.m[i / 3][i % 3] = (double)matrix[i];
    return from_matrix(&a, out);
}
