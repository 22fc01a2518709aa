import CImages

extension Image {
    /// The picture resampled to `width` times `height` pixels, the same to the bit as `Image.resize`
    /// of Pillow 13: a pass along the rows and one along the columns, 8-bit results between, weights
    /// in units of 2^-22.
    ///
    /// The pass along the rows comes first, but where the height falls by more than twice what the
    /// width does. (Pillow before 13 always begins with the rows; up to one level lies between.)
    ///
    /// - Parameters:
    ///   - box: the part to resample, the whole by default. As with Pillow's `box`, the pixels
    ///     around it still count at its border; `cropped(to:)` first leaves them out.
    /// - Precondition: `width` and `height` are at least 1; `box` lies in the picture.
    /// - Complexity: O(rows of the box * width * taps + height * width * taps), where taps grows
    ///   with the filter's width and the scale.
    public func resized(
        width: Int, height: Int, using filter: Filter, box: Box? = nil
    ) -> Image {
        precondition(width > 0 && height > 0, "resized: \(width)x\(height) has no pixels")
        let box = box ?? Box(x: 0, y: 0, width: self.width, height: self.height)
        box.check(in: self, "resized")
        if filter == .nearest { return nearest(width: width, height: height, box: box) }

        let sameRows = width == self.width && width == box.width
        let sameColumns = height == self.height && height == box.height
        if sameRows && sameColumns { return self }
        let columns = Taps(
            source: self.height, from: box.y, length: box.height, count: height, filter: filter)
        let rows = Taps(
            source: self.width, from: box.x, length: box.width, count: width, filter: filter)
        if sameColumns { return resampledAlongRows(rows, width: width, rows: 0..<self.height) }
        if sameRows { return resampledAlongColumns(columns, height: height) }
        if height < self.height && self.height - height > 2 * (self.width - width) {
            return resampledAlongColumns(columns, height: height)
                .resampledAlongRows(rows, width: width, rows: 0..<height)
        }
        // The second pass reads no others.
        let needed = columns.range
        return resampledAlongRows(rows, width: width, rows: needed)
            .resampledAlongColumns(columns.shifted(by: needed.lowerBound), height: height)
    }

    /// The picture resampled to a shorter side of `shorterSide` pixels; the longer is
    /// `shorterSide * longer / shorter`, its fraction cut off, as torchvision's `Resize` has it.
    ///
    /// - Parameter filter: Lanczos by default, as the descriptors' reference loads its pictures
    ///   (`extractor.py` of dino-vit-features).
    /// - Precondition: `shorterSide` is at least 1.
    public func resized(shorterSide: Int, using filter: Filter = .lanczos) -> Image {
        let longer = Int(
            Double(shorterSide * max(width, height)) / Double(min(width, height)))
        return width <= height
            ? resized(width: shorterSide, height: longer, using: filter)
            : resized(width: longer, height: shorterSide, using: filter)
    }

    private func nearest(width: Int, height: Int, box: Box) -> Image {
        let columns = sources(from: box.x, length: box.width, count: width)
        let rows = sources(from: box.y, length: box.height, count: height)
        return Image(width: width, height: height) { samples in
            pixels.withUnsafeBufferPointer { source in
                var to = 0
                for row in rows {
                    for column in columns {
                        let from = (row * self.width + column) * 3
                        samples[to] = source[from]
                        samples[to + 1] = source[from + 1]
                        samples[to + 2] = source[from + 2]
                        to += 3
                    }
                }
            }
        }
    }

    private func resampledAlongRows(_ taps: Taps, width: Int, rows: Range<Int>) -> Image {
        let rowCount = self.width * 3
        return Image(width: width, height: rows.count) { samples in
            pixels.withUnsafeBufferPointer { source in
                taps.withC { taps in
                    guard let first = source.baseAddress else { return }
                    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 4 * (rowCount + 32)) {
                        cimage_resample_rows(
                            first + rows.lowerBound * rowCount, first + source.count, rowCount,
                            rows.count, samples.baseAddress, width, taps, $0.baseAddress)
                    }
                }
            }
        }
    }

    private func resampledAlongColumns(_ taps: Taps, height: Int) -> Image {
        let rowCount = width * 3
        return Image(width: width, height: height) { samples in
            pixels.withUnsafeBufferPointer { source in
                taps.withC { taps in
                    guard let first = samples.baseAddress else { return }
                    for row in 0..<height {
                        cimage_resample_columns(
                            source.baseAddress, rowCount, first + row * rowCount, row, taps)
                    }
                }
            }
        }
    }
}

/// Which source sample lies under the centre of each result. The steps add up as Pillow's do: their
/// rounding decides where a centre falls between two samples.
private func sources(from: Int, length: Int, count: Int) -> [Int] {
    let step = Double(length) / Double(count)
    var position = Double(from) + step * 0.5
    return (0..<count).map { _ in
        defer { position += step }
        return min(Int(position), from + length - 1)
    }
}
