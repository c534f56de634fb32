# SPDX-License-Identifier: BSD-2-Clause
"""The training recipe of libcolorizer's default model."""
