import Images
import Platform
import Tensors
import ViT

/// A label for each pixel of a picture.
public struct LabelMap: Hashable, Sendable {
    /// Width in pixels.
    public let width: Int
    /// Height in pixels.
    public let height: Int
    /// `height * width` labels, row by row.
    public let labels: [UInt8]

    /// A map of the given labels.
    ///
    /// - Precondition: there are `height * width` labels, and at least one.
    public init(width: Int, height: Int, labels: [UInt8]) {
        require(
            width > 0 && height > 0 && labels.count == height * width,
            "LabelMap: \(labels.count) labels for \(width)x\(height) pixels")
        self.width = width
        self.height = height
        self.labels = labels
    }

    /// The labels of an image of labels, such as a mask file.
    public init(_ image: LabelImage) {
        self.init(width: image.width, height: image.height, labels: image.labels)
    }

    /// Reads a mask file; see `LabelImage` for which label a pixel has.
    ///
    /// - Throws: `ImageError`.
    public init(contentsOf path: String) throws(ImageError) {
        self.init(try LabelImage(contentsOf: path))
    }

    /// Writes a PNG file of indices into the colours of ``palette(parts:)``, completely or not at all.
    ///
    /// - Throws: `ImageError.unwritable(file:reason:)`.
    public func write(to path: String) throws(ImageError) {
        try Image.writeIndexedPNG(
            labels, width: width, height: height,
            palette: Self.palette(parts: Int(labels.max() ?? 0)), to: path)
    }

    /// The labels under the centres of cells, in row-major order.
    ///
    /// - Parameter geometry: the cells' position on the photo; the map may have another size.
    package func cells(on geometry: DescriptorGrid.Geometry) -> [UInt8] {
        cells(by: CellSampling(geometry, width: width, height: height))
    }

    func cells(by sampling: CellSampling) -> [UInt8] {
        labels.gathered(
            rows: sampling.pixelRows, columns: sampling.pixelColumns, width: width)
    }

    /// Resizes the map. Each pixel takes the label with the greatest bilinear weight among the four
    /// pixels around its centre, the smallest on a tie, so that enlarged edges are smooth.
    ///
    /// - Precondition: `width` and `height` are at least 1.
    /// - Complexity: O(height * width).
    public func resized(width: Int, height: Int) -> LabelMap {
        require(width > 0 && height > 0, "resized: \(width)x\(height) has no pixels")
        if width == self.width && height == self.height { return self }
        // Pixels are patches of side 1 here.
        let geometry = DescriptorGrid.Geometry(
            width: self.width, height: self.height, patchSize: 1, stride: PatchStride(1))
        let (columns, rows) = (geometry.columns(of: width), geometry.rows(of: height))
        let resized = [UInt8](unsafeUninitializedCapacity: width * height) { buffer, initialized in
            initialized = width * height
            nonisolated(unsafe) let target = buffer
            labels.withUnsafeBufferPointer { labels in
                nonisolated(unsafe) let labels = labels
                Parallelism.perform(count: height) { y in
                    let row = rows[y]
                    for (x, column) in columns.enumerated() {
                        let upper = row.cell * self.width
                        let lower = row.next * self.width
                        let a = labels[upper + column.cell]
                        let b = labels[upper + column.next]
                        let c = labels[lower + column.cell]
                        let d = labels[lower + column.next]
                        target[y * width + x] =
                            a == b && b == c && c == d
                            ? a : strongest((a, b, c, d), along: column.part, down: row.part)
                    }
                }
            }
        }
        return LabelMap(width: width, height: height, labels: resized)
    }
}

/// The label with the greatest weight among the four corners of a square.
private func strongest(
    _ labels: (UInt8, UInt8, UInt8, UInt8), along: Float, down: Float
) -> UInt8 {
    let corners = [
        (labels.0, (1 - along) * (1 - down)), (labels.1, along * (1 - down)),
        (labels.2, (1 - along) * down), (labels.3, along * down),
    ]
    var best: (label: UInt8, weight: Float) = (0, -1)
    for (label, _) in corners {
        let weight = corners.reduce(0) { $0 + ($1.0 == label ? $1.1 : 0) }
        if weight > best.weight || weight == best.weight && label < best.label {
            best = (label, weight)
        }
    }
    return best.label
}
