# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a TLS server accepts: asked by handshakes that go no further than its first answer."""
