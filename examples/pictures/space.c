/* SPDX-License-Identifier: BSD-2-Clause
 * What samples mean. */
#include "space.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double determinant(const double m[3][3]) {
    return m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0]) +
           m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0]);
}

/** The library wants a matrix that can be inverted and luminance mostly from green. Real spaces have a determinant
 * above 0.1; a tenth is left for the adaptation to white, which comes first there. */
bool space_set_matrix(space *s, const double matrix[3][3]) {
    double size = fabs(determinant(matrix)), green = matrix[1][1];
    if (!(size >= 0.01 && size <= 100.0)) return false;
    if (!(green >= 1.1 * fabs(matrix[1][0]) && green >= 1.1 * fabs(matrix[1][2]))) return false;
    for (int i = 0; i < 3; i++)
        if (!(matrix[i][0] + matrix[i][1] + matrix[i][2] > 0.01)) return false;
    for (int i = 0; i < 9; i++) s->matrix[i] = (float)matrix[i / 3][i % 3];
    s->primaries = COLORIZER_PRIMARIES_MATRIX;
    return true;
}

/** Each primary takes the share of light with which the three make white, by Cramer's rule. */
bool space_set_chromaticities(space *s, const double xy[4][2]) {
    double columns[3][3], white[3], matrix[3][3];
    for (int j = 0; j < 4; j++) {
        if (!(xy[j][1] > 1e-6)) return false;
        const double xyz[3] = {xy[j][0] / xy[j][1], 1.0, (1.0 - xy[j][0] - xy[j][1]) / xy[j][1]};
        for (int i = 0; i < 3; i++) *(j < 3 ? &columns[i][j] : &white[i]) = xyz[i];
    }
    double all = determinant((const double(*)[3])columns);
    for (int j = 0; j < 3; j++) {
        double with_white[3][3];
        for (int i = 0; i < 3; i++)
            for (int k = 0; k < 3; k++) with_white[i][k] = k == j ? white[i] : columns[i][k];
        double share = determinant((const double(*)[3])with_white) / all;
        for (int i = 0; i < 3; i++) matrix[i][j] = columns[i][j] * share;
    }
    return space_set_matrix(s, (const double(*)[3])matrix);
}

bool space_set_gamma(space *s, double exponent) {
    if (!(exponent >= 1.0 && exponent <= 4.0)) return false;
    s->transfer = exponent > 1.0 ? COLORIZER_TRANSFER_GAMMA : COLORIZER_TRANSFER_LINEAR;
    s->gamma = exponent > 1.0 ? (float)exponent : 0.0f;
    return true;
}

double space_light(const space *s, double sample) {
    switch (s->transfer) {
    case COLORIZER_TRANSFER_LINEAR:
        return sample;
    case COLORIZER_TRANSFER_GAMMA:
        return pow(sample, (double)s->gamma);
    case COLORIZER_TRANSFER_CURVE:
        return (double)s->curve[(size_t)(sample * (s->curve_size - 1) + 0.5)];
    default:
        return sample <= 0.04045 ? sample / 12.92 : pow((sample + 0.055) / 1.055, 2.4);
    }
}

void space_xyz(const space *s, const double rgb[3], double xyz[3]) {
    static const double srgb[9] = {0.4124, 0.3576, 0.1805, 0.2126, 0.7152, 0.0722, 0.0193, 0.1192, 0.9505};
    for (int i = 0; i < 3; i++) {
        double sum = 0.0, white = 0.0;
        for (int k = 0; k < 3; k++) {
            double m = s->primaries == COLORIZER_PRIMARIES_MATRIX ? (double)s->matrix[3 * i + k] : srgb[3 * i + k];
            sum += m * rgb[k];
            white += m;
        }
        xyz[i] = sum / white;
    }
}

bool space_copy(space *to, const space *from) {
    *to = *from;
    if (from->curve == NULL) return true;
    to->curve = malloc(from->curve_size * sizeof *to->curve);
    if (to->curve != NULL) memcpy(to->curve, from->curve, from->curve_size * sizeof *to->curve);
    return to->curve != NULL;
}

void space_free(space *s) {
    free(s->curve);
    *s = (space){0};
}
