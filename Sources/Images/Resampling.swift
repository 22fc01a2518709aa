import CImages
import Platform

extension Image {
    /// Resamples the picture to `width` x `height` pixels, bit-identical to `Image.resize` of Pillow 13: one pass along
    /// the rows and one along the columns, with 8-bit results in between and weights in units of 2^-22.
    ///
    /// Rows come first, unless the height falls by more than twice as many pixels as the width. (Pillow before 13
    /// always starts with the rows; results differ by up to one level.)
    ///
    /// - Parameters:
    ///   - width: in pixels.
    ///   - height: in pixels.
    ///   - filter: the resampling filter.
    ///   - box: the part to resample, the whole picture by default. As with Pillow's `box`, pixels around it contribute
    ///     at its border; `cropped(to:)` before resampling excludes them.
    /// - Precondition: `width` and `height` are at least 1; `box` lies within the picture.
    /// - Complexity: O(rows of the box * width * taps + height * width * taps), where taps grows
    ///   with the filter's width and the scale.
    public func resized(
        width: Int, height: Int, using filter: Filter, box: Box? = nil
    ) -> Image {
        require(width > 0 && height > 0, "resized: \(width)x\(height) has no pixels")
        let whole = Box(x: 0, y: 0, width: self.width, height: self.height)
        let box = box ?? whole
        box.check(in: self, "resized")
        if width == self.width && height == self.height && box == whole { return self }
        return resampled(whole, box: box, width: width, height: height, filter, mirrored: false)
    }

    /// Resamples `part` to `width` x `height` pixels, ignoring the pixels around it: bit-identical to `cropped(to:
    /// part)` followed by `resized`, which is torchvision's `resized_crop`.
    ///
    /// - Parameters:
    ///   - part: the part of the picture to resample.
    ///   - width: in pixels.
    ///   - height: in pixels.
    ///   - filter: the resampling filter.
    ///   - mirrored: whether to exchange left and right of the result, at no cost.
    /// - Precondition: `width` and `height` are at least 1; `part` lies within the picture.
    /// - Complexity: as `resized`.
    public func resizedCrop(
        _ part: Box, width: Int, height: Int, using filter: Filter, mirrored: Bool = false
    ) -> Image {
        require(width > 0 && height > 0, "resizedCrop: \(width)x\(height) has no pixels")
        part.check(in: self, "resizedCrop")
        let box = Box(x: 0, y: 0, width: part.width, height: part.height)
        return resampled(
            part, box: box, width: width, height: height, filter, mirrored: mirrored)
    }

    /// Resamples the picture so that its shorter side has `shorterSide` pixels; the longer one gets `shorterSide *
    /// longer / shorter`, truncated, as in torchvision's `Resize`.
    ///
    /// - Parameters:
    ///   - shorterSide: in pixels.
    ///   - filter: Lanczos by default, as the descriptors' reference loads its pictures (`extractor.py` of
    ///     dino-vit-features).
    /// - Precondition: `shorterSide` is at least 1.
    public func resized(shorterSide: Int, using filter: Filter = .lanczos) -> Image {
        let longer = Int(
            Double(shorterSide * max(width, height)) / Double(min(width, height)))
        return width <= height
            ? resized(width: shorterSide, height: longer, using: filter)
            : resized(width: longer, height: shorterSide, using: filter)
    }

    /// Resamples a box of a part of the picture. The box is relative to the part; around the box, the filter sees only
    /// the pixels of the part.
    private func resampled(
        _ part: Box, box: Box, width: Int, height: Int, _ filter: Filter, mirrored: Bool
    ) -> Image {
        if filter == .nearest {
            return nearest(part, box: box, width: width, height: height, mirrored: mirrored)
        }
        return pixels.withUnsafeBufferPointer { samples in
            var source = Samples(samples, rowBytes: self.width * 3).cropped(to: part)
            let needsRows = width != part.width || width != box.width || mirrored
            let needsColumns = height != part.height || height != box.height
            let rows = Taps(
                source: part.width, from: box.x, length: box.width, count: width, filter: filter,
                mirrored: mirrored)
            let columns = Taps(
                source: part.height, from: box.y, length: box.height, count: height,
                filter: filter)
            if !needsColumns { return source.alongRows(rows, width: width, rows: 0..<height) }
            if !needsRows { return source.alongColumns(columns, height: height) }
            let columnsFirst =
                height < part.height && part.height - height > 2 * (part.width - width)
            // The second pass reads only these rows.
            let needed = columns.range
            let between =
                columnsFirst
                ? source.alongColumns(columns, height: height)
                : source.alongRows(rows, width: width, rows: needed)
            return between.pixels.withUnsafeBufferPointer { samples in
                source = Samples(samples, rowBytes: between.width * 3)
                return columnsFirst
                    ? source.alongRows(rows, width: width, rows: 0..<height)
                    : source.alongColumns(
                        columns.shifted(by: needed.lowerBound), height: height)
            }
        }
    }

    private func nearest(
        _ part: Box, box: Box, width: Int, height: Int, mirrored: Bool
    ) -> Image {
        var columns = nearestSources(from: box.x, length: box.width, count: width)
        if mirrored { columns.reverse() }
        let rows = nearestSources(from: box.y, length: box.height, count: height)
        let first = part.y * self.width + part.x
        return Image(width: width, height: height) { samples in
            pixels.withUnsafeBufferPointer { source in
                var to = 0
                for row in rows {
                    for column in columns {
                        let from = (first + row * self.width + column) * 3
                        samples[to] = source[from]
                        samples[to + 1] = source[from + 1]
                        samples[to + 2] = source[from + 2]
                        to += 3
                    }
                }
            }
        }
    }
}

/// A part of a picture, in place.
private struct Samples {
    private let memory: UnsafeBufferPointer<UInt8>
    private let rowBytes: Int
    /// The offset of the part's first sample, and the number of samples in one of its rows.
    private var start = 0
    private var count: Int

    init(_ memory: UnsafeBufferPointer<UInt8>, rowBytes: Int) {
        self.memory = memory
        self.rowBytes = rowBytes
        count = rowBytes
    }

    func cropped(to part: Box) -> Samples {
        var result = self
        result.start = part.y * rowBytes + part.x * 3
        result.count = part.width * 3
        return result
    }

    func alongRows(_ taps: Taps, width: Int, rows: Range<Int>) -> Image {
        Image(width: width, height: rows.count) { samples in
            taps.withC { taps in
                withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 4 * (count + 32)) {
                    cimage_resample_rows(
                        inC(from: rows.lowerBound), rows.count, samples.baseAddress, width, taps,
                        $0.baseAddress)
                }
            }
        }
    }

    func alongColumns(_ taps: Taps, height: Int) -> Image {
        Image(width: count / 3, height: height) { samples in
            taps.withC { cimage_resample_columns(inC(from: 0), samples.baseAddress, height, $0) }
        }
    }

    /// The rows from one on, for C.
    private func inC(from row: Int) -> CImageRows {
        let memory = UnsafeBufferPointer(rebasing: memory[(start + row * rowBytes)...])
        return CImageRows(
            first: memory.baseAddress, end: memory.baseAddress.map { $0 + memory.count },
            bytes: count, row_bytes: rowBytes)
    }
}

/// The source sample under the centre of each result. The steps are accumulated as in Pillow, because their rounding
/// decides which sample a centre between two belongs to.
package func nearestSources(from: Int = 0, length: Int, count: Int) -> [Int] {
    let step = Double(length) / Double(count)
    var position = Double(from) + step * 0.5
    return (0..<count).map { _ in
        defer { position += step }
        return min(Int(position), from + length - 1)
    }
}
