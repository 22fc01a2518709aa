import Images
import Platform
import Tensors

extension LabelMap {
    /// The labels that occur, ascending; 0 is always included.
    public var objects: [UInt8] {
        var isThere = [Bool](repeating: false, count: 256)
        isThere[0] = true
        for label in labels { isThere[Int(label)] = true }
        return (0...255).filter { isThere[Int($0)] }
    }

    /// The labels resized by nearest-neighbour sampling, as Pillow's `Image.NEAREST`.
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

    /// One-hot masks of the cells, `[rows, columns, classes]`, by the label under each cell's centre.
    ///
    /// - Parameters:
    ///   - classes: the label of each class.
    ///   - geometry: the cells' position on the labelled picture.
    package func masks(of classes: [UInt8], on geometry: DescriptorGrid.Geometry) -> Tensor {
        Tensor(
            cells(on: geometry).flatMap { label in classes.map { $0 == label ? 1 : 0 } },
            shape: [geometry.grid.rows, geometry.grid.columns, classes.count])
    }

    /// Labels each pixel with its strongest class (eval_video_segmentation.py, `norm_mask` and the code
    /// after it).
    ///
    /// Each class is interpolated bilinearly between the cells' centres and scaled so that its minimum
    /// becomes 0 and its maximum 1. A class that occurs nowhere stays 0; one that is constant wins over
    /// all others. The first wins a tie.
    ///
    /// - Parameters:
    ///   - masks: `[rows, columns, classes]`.
    ///   - classes: the label of each class.
    ///   - geometry: the cells' position; the map has the size of the network's image.
    /// - Precondition: there is one label per class, and one mask per cell.
    /// - Complexity: O(pixels * classes).
    package init(masks: Tensor, classes: [UInt8], geometry: DescriptorGrid.Geometry) {
        require(
            masks.shape == [geometry.grid.rows, geometry.grid.columns, classes.count]
                && !classes.isEmpty,
            "LabelMap: masks \(masks.shape) of \(classes.count) classes on cells "
                + "\(geometry.grid.rows)x\(geometry.grid.columns)")
        let (height, width) = (geometry.imageHeight, geometry.imageWidth)
        var labels = [UInt8](repeating: classes[0], count: width * height)
        var greatest = [Float](repeating: -.infinity, count: width * height)
        let elements = masks.elements
        for (index, label) in classes.enumerated() {
            let values = geometry.interpolated(
                stride(from: index, to: elements.count, by: classes.count).map { elements[$0] },
                width: width, height: height)
            let least = values.min() ?? 0
            let range = (values.max() ?? 0) - least
            let isThere = least + range > 0
            for at in values.indices {
                let value = !isThere ? 0 : range > 0 ? (values[at] - least) / range : .infinity
                if value > greatest[at] {
                    greatest[at] = value
                    labels[at] = label
                }
            }
        }
        self.init(width: width, height: height, labels: labels)
    }
}
