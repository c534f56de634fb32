"""The training recipe of libcolorizer's default model."""
