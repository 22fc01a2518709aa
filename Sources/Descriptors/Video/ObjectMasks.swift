import Images
import Tensors

extension LabelMap {
    /// The labels that there are, ascending, 0 among them in any case.
    public var objects: [UInt8] {
        var isThere = [Bool](repeating: false, count: 256)
        isThere[0] = true
        for label in labels { isThere[Int(label)] = true }
        return (0...255).filter { isThere[Int($0)] }
    }

    /// The labels under the centres of another number of pixels, as Pillow's `Image.NEAREST`.
    ///
    /// - Precondition: both sides are at least 1.
    package func nearest(width: Int, height: Int) -> LabelMap {
        if width == self.width && height == self.height { return self }
        let image = Image(
            width: self.width, height: self.height, pixels: labels.flatMap { [$0, $0, $0] }
        ).resized(width: width, height: height, using: .nearest)
        let labels = stride(from: 0, to: image.pixels.count, by: 3).map { image.pixels[$0] }
        return LabelMap(width: width, height: height, labels: labels)
    }

    /// 1 where a cell is of a class and 0 elsewhere, `[rows, columns, classes]`: the label under the
    /// cell's centre counts.
    ///
    /// - Parameter classes: a label each.
    package func masks(of classes: [UInt8], rows: Int, columns: Int) -> Tensor {
        let cells = nearest(width: columns, height: rows).labels
        return Tensor(
            cells.flatMap { label in classes.map { $0 == label ? 1 : 0 } },
            shape: [rows, columns, classes.count])
    }

    /// The class that each pixel is most of (eval_video_segmentation.py, `norm_mask` and what follows).
    ///
    /// Each class is interpolated bilinearly between the cells' centres and scaled so that its least
    /// value is 0 and its greatest 1; one that is nowhere stays 0, and one that is the same
    /// everywhere is above all. Of equals the first wins.
    ///
    /// - Parameters:
    ///   - masks: `[rows, columns, classes]`.
    ///   - cellSize: the pixels of a cell, each way.
    ///   - classes: a label for each class.
    /// - Precondition: there is a label for each class, and the cells have a size.
    /// - Complexity: O(rows * columns * cellSize² * classes).
    package init(masks: Tensor, cellSize: Int, classes: [UInt8]) {
        precondition(
            masks.shape.rank == 3 && masks.count > 0 && masks.shape[2] == classes.count
                && cellSize >= 1,
            "LabelMap: masks \(masks.shape) of \(classes.count) classes, cells of \(cellSize)")
        let (rows, columns) = (masks.shape[0], masks.shape[1])
        let (height, width) = (rows * cellSize, columns * cellSize)
        let down = Between(cells: rows, size: cellSize)
        let across = Between(cells: columns, size: cellSize)
        var labels = [UInt8](repeating: classes[0], count: width * height)
        var greatest = [Float](repeating: -.infinity, count: width * height)
        var values = [Float](repeating: 0, count: width * height)
        masks.withUnsafeElements { masks in
            for (index, label) in classes.enumerated() {
                func cell(_ row: Int, _ column: Int) -> Float {
                    masks[(row * columns + column) * classes.count + index]
                }
                for y in 0..<height {
                    let (upper, lower, part) = down[y]
                    let line = (0..<columns).map {
                        cell(upper, $0) * (1 - part) + cell(lower, $0) * part
                    }
                    for x in 0..<width {
                        let (left, right, part) = across[x]
                        values[y * width + x] = line[left] * (1 - part) + line[right] * part
                    }
                }
                let least = values.min() ?? 0
                let range = (values.max() ?? 0) - least
                let isThere = least + range > 0
                for at in values.indices {
                    let value =
                        !isThere ? 0 : range > 0 ? (values[at] - least) / range : .infinity
                    if value > greatest[at] {
                        greatest[at] = value
                        labels[at] = label
                    }
                }
            }
        }
        self.init(width: width, height: height, labels: labels)
    }
}

/// Where the centres of pixels lie between those of cells of some pixels each.
private struct Between {
    private let places: [(cell: Int, next: Int, part: Float)]

    init(cells: Int, size: Int) {
        places = (0..<cells * size).map { pixel in
            let place = max(0, (Float(pixel) + 0.5) / Float(size) - 0.5)
            let cell = min(Int(place), cells - 1)
            return (cell, min(cell + 1, cells - 1), place - Float(cell))
        }
    }

    subscript(pixel: Int) -> (cell: Int, next: Int, part: Float) { places[pixel] }
}
