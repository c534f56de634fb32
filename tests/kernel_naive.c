/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel_naive.h"

#include <math.h>
#include <stdlib.h>

static double activate(int32_t act, double x, double p0, double p1) {
    switch (act) {
    case CZ_ACT_CLAMP:
        return fmin(fmax(x, p0), p1);
    case CZ_ACT_LEAKY_RELU:
        return x > 0 ? x : p0 * x;
    case CZ_ACT_HARD_SWISH:
        return x * fmin(fmax(x + 3, 0), 6) / 6;
    case CZ_ACT_SILU:
        return x / (1 + exp(-x));
    case CZ_ACT_GELU:
        return x * (1 + erf(x / sqrt(2.0))) / 2;
    case CZ_ACT_GELU_TANH:
        return x * (1 + tanh(sqrt(2 / acos(-1.0)) * (x + 0.044715 * x * x * x))) / 2;
    case CZ_ACT_TANH:
        return tanh(x);
    case CZ_ACT_SIGMOID:
        return 1 / (1 + exp(-x));
    default:
        return x;
    }
}

/** The shared end: bias, residual, activation, affine, in `out` that holds the bare sums. */
static void end(const problem *p, int32_t act, float p0, float p1, int32_t residual, double *out) {
    const size_t channels = p->out.d[3];
    for (size_t i = 0; i < cz_elements(&p->out); i++) {
        const size_t c = i % channels;
        double v = out[i];
        if (p->in[2]) v += (double)p->in[2][c];
        if (residual == 1) v += (double)p->in[5][i];
        v = activate(act, v, (double)p0, (double)p1);
        if (p->in[3]) v = v * (double)p->in[3][c] + (double)p->in[4][c];
        if (residual == 2) v += (double)p->in[5][i];
        out[i] = v;
    }
}

static void conv2d(const problem *p, double *out) {
    const cz_attr_conv2d *a = &p->c->attr.conv2d;
    const uint32_t *xd = p->c->in[0].d, *wd = p->c->in[1].d, *od = p->out.d;
    const uint32_t per_group = wd[0] / (uint32_t)a->groups;
    for (uint32_t oy = 0; oy < od[1]; oy++)
        for (uint32_t ox = 0; ox < od[2]; ox++)
            for (uint32_t co = 0; co < od[3]; co++) {
                double sum = 0;
                for (uint32_t ky = 0; ky < wd[1]; ky++)
                    for (uint32_t kx = 0; kx < wd[2]; kx++) {
                        int64_t y = (int64_t)oy * a->stride_h - a->pad_top + (int64_t)ky * a->dilation_h;
                        int64_t x = (int64_t)ox * a->stride_w - a->pad_left + (int64_t)kx * a->dilation_w;
                        if (a->pad_mode == 1) {
                            y = y < 0 ? 0 : y >= xd[1] ? xd[1] - 1 : y;
                            x = x < 0 ? 0 : x >= xd[2] ? xd[2] - 1 : x;
                        }
                        if (y < 0 || y >= xd[1] || x < 0 || x >= xd[2]) continue;
                        for (uint32_t ci = 0; ci < wd[3]; ci++)
                            sum += (double)
                                       p->in[0][((size_t)y * xd[2] + (size_t)x) * xd[3] + co / per_group * wd[3] + ci] *
                                   (double)p->in[1][((co * wd[1] + ky) * (size_t)wd[2] + kx) * wd[3] + ci];
                    }
                out[((size_t)oy * od[2] + ox) * od[3] + co] = sum;
            }
    end(p, a->act, a->act_p0, a->act_p1, a->residual, out);
}

/** The value that is rounded to u8, in its limits. NaN: 0. */
static double steps(double v, double scale, double zero) {
    v = v / scale + zero;
    return v > 0 ? fmin(v, 255) : 0;
}

static void quantize(const problem *p, double *out) {
    const cz_attr_quantize *a = &p->c->attr.quantize;
    for (size_t i = 0; i < cz_elements(&p->out); i++)
        out[i] = steps((double)p->in[0][i], (double)a->scale, (double)a->zero);
}

static void conv2d_i8(const problem *p, double *out) {
    const cz_attr_conv2d_i8 *a = &p->c->attr.conv2d_i8;
    const uint32_t *xd = p->c->in[0].d, *wd = p->c->in[1].d, *od = p->out.d;
    const uint8_t *in = (const uint8_t *)p->in[0];
    const int8_t *w = p->weight.data;
    const uint32_t per_group = wd[0] / (uint32_t)a->groups;
    for (uint32_t oy = 0; oy < od[1]; oy++)
        for (uint32_t ox = 0; ox < od[2]; ox++)
            for (uint32_t co = 0; co < od[3]; co++) {
                int32_t sum = 0;
                for (uint32_t ky = 0; ky < wd[1]; ky++)
                    for (uint32_t kx = 0; kx < wd[2]; kx++) {
                        const int64_t y = (int64_t)oy * a->stride - a->pad_top + (int64_t)ky * a->dilation;
                        const int64_t x = (int64_t)ox * a->stride - a->pad_left + (int64_t)kx * a->dilation;
                        if (y < 0 || y >= xd[1] || x < 0 || x >= xd[2]) continue;
                        for (uint32_t ci = 0; ci < wd[3]; ci++)
                            sum += (in[((size_t)y * xd[2] + (size_t)x) * xd[3] + co / per_group * wd[3] + ci] -
                                    a->x_zero) *
                                   w[((co * wd[1] + ky) * (size_t)wd[2] + kx) * wd[3] + ci];
                    }
                out[((size_t)oy * od[2] + ox) * od[3] + co] = sum * (double)a->x_scale * (double)p->weight.scale[co];
            }
    end(p, a->act, a->act_p0, a->act_p1, a->residual, out);
    for (size_t i = 0; a->out_scale != 0 && i < cz_elements(&p->out); i++)
        out[i] = steps(out[i], (double)a->out_scale, (double)a->out_zero);
}

/** Written the other way round than the kernel: each input pixel is spread over the output. */
static void conv_transpose2d(const problem *p, double *out) {
    const cz_attr_conv_transpose2d *a = &p->c->attr.conv_transpose2d;
    const uint32_t *xd = p->c->in[0].d, *wd = p->c->in[1].d, *od = p->out.d;
    const uint32_t per_group = wd[0] / (uint32_t)a->groups;
    for (size_t i = 0; i < cz_elements(&p->out); i++) out[i] = 0;
    for (uint32_t iy = 0; iy < xd[1]; iy++)
        for (uint32_t ix = 0; ix < xd[2]; ix++)
            for (uint32_t ky = 0; ky < wd[1]; ky++)
                for (uint32_t kx = 0; kx < wd[2]; kx++) {
                    const int64_t y = (int64_t)iy * a->stride_h + (int64_t)ky * a->dilation_h - a->pad_top;
                    const int64_t x = (int64_t)ix * a->stride_w + (int64_t)kx * a->dilation_w - a->pad_left;
                    if (y < 0 || y >= od[1] || x < 0 || x >= od[2]) continue;
                    for (uint32_t co = 0; co < od[3]; co++)
                        for (uint32_t ci = 0; ci < wd[3]; ci++)
                            out[((size_t)y * od[2] + (size_t)x) * od[3] + co] +=
                                (double)p->in[0][((size_t)iy * xd[2] + ix) * xd[3] + co / per_group * wd[3] + ci] *
                                (double)p->in[1][((co * wd[1] + ky) * (size_t)wd[2] + kx) * wd[3] + ci];
                }
    end(p, a->act, a->act_p0, a->act_p1, a->residual, out);
}

static void linear(const problem *p, double *out) {
    const cz_attr_linear *a = &p->c->attr.linear;
    const size_t depth = p->c->in[0].d[3], channels = p->out.d[3];
    for (size_t i = 0; i < cz_elements(&p->out); i++) {
        out[i] = 0;
        for (size_t k = 0; k < depth; k++)
            out[i] += (double)p->in[0][i / channels * depth + k] * (double)p->in[1][i % channels * depth + k];
    }
    end(p, a->act, a->act_p0, a->act_p1, a->residual, out);
}

static void matmul(const problem *p, double *out) {
    const cz_attr_matmul *a = &p->c->attr.matmul;
    const uint32_t *ad = p->c->in[0].d, *bd = p->c->in[1].d, *od = p->out.d;
    for (size_t i = 0; i < cz_elements(&p->out); i++) {
        const size_t c = i % od[3], m = i / od[3] % od[2], h = i / od[3] / od[2] % od[1], n = i / od[3] / od[2] / od[1];
        const float *x = p->in[0] + ((n * ad[1] + h) * ad[2] + m) * ad[3];
        const float *b = p->in[1] + ((bd[0] == 1 ? 0 : n) * bd[1] + (bd[1] == 1 ? 0 : h)) * bd[2] * bd[3];
        out[i] = 0;
        for (size_t k = 0; k < ad[3]; k++)
            out[i] += (double)x[k] * (double)b[a->transpose_b ? c * bd[3] + k : k * bd[3] + c];
        out[i] *= (double)a->alpha;
    }
}

static void attention(const problem *p, double *out) {
    const cz_attr_attention *a = &p->c->attr.attention;
    const uint32_t *qd = p->c->in[0].d, *vd = p->c->in[2].d;
    const size_t heads = (size_t)a->heads, queries = (size_t)qd[1] * qd[2], keys = (size_t)vd[1] * vd[2];
    const size_t d = qd[3] / heads, e = vd[3] / heads;
    double *s = malloc(keys * sizeof *s);
    for (size_t i = 0; i < queries * heads; i++) {
        const size_t query = i / heads, h = i % heads;
        double top = -INFINITY, total = 0;
        for (size_t j = 0; j < keys; j++) {
            s[j] = 0;
            for (size_t k = 0; k < d; k++)
                s[j] += (double)p->in[0][query * qd[3] + h * d + k] * (double)p->in[1][j * qd[3] + h * d + k];
            s[j] *= (double)a->scale;
            top = fmax(top, s[j]);
        }
        for (size_t j = 0; j < keys; j++) total += s[j] = exp(s[j] - top);
        for (size_t c = 0; c < e; c++) {
            double sum = 0;
            for (size_t j = 0; j < keys; j++) sum += s[j] * (double)p->in[2][j * vd[3] + h * e + c];
            out[query * vd[3] + h * e + c] = sum / total;
        }
    }
    free(s);
}

bool naive_run(const problem *p, double *out) {
    switch (p->c->op) {
    case CZ_OP_conv2d:
        conv2d(p, out);
        return true;
    case CZ_OP_quantize:
        quantize(p, out);
        return true;
    case CZ_OP_conv2d_i8:
        conv2d_i8(p, out);
        return true;
    case CZ_OP_conv_transpose2d:
        conv_transpose2d(p, out);
        return true;
    case CZ_OP_linear:
        linear(p, out);
        return true;
    case CZ_OP_matmul:
        matmul(p, out);
        return true;
    case CZ_OP_attention:
        attention(p, out);
        return true;
    default:
        return false;
    }
}
