import Platform
import Tensors

extension DescriptorGrid {
    /// The descriptors less their mean over an object, without the class token: what all of the object
    /// has goes, what tells its places from one another stays. As they are where the mask is empty.
    ///
    /// - Parameter mask: of the photo, at its own size; the object is what is not 0.
    /// - Complexity: O(cells * channels).
    public func centred(on mask: LabelMap) -> DescriptorGrid {
        let cells = cells(in: mask)
        var sums = [Double](repeating: 0, count: channels)
        var values = matrix.elements
        for cell in cells {
            for channel in 0..<channels {
                sums[channel] += Double(values[cell * channels + channel])
            }
        }
        let means = sums.map { Float($0 / Double(max(cells.count, 1))) }
        for at in values.indices { values[at] -= means[at % channels] }
        return DescriptorGrid(values: Tensor(values, shape: self.values.shape), geometry: geometry)
    }

    /// The cells whose centre lies in an object.
    ///
    /// - Parameter mask: as for `centred(on:)`.
    func cells(in mask: LabelMap) -> [Int] {
        require(
            mask.width == geometry.photoWidth && mask.height == geometry.photoHeight,
            "DescriptorGrid: a mask of \(mask.width)x\(mask.height) pixels")
        let isInside = mask.cells(on: geometry).map { $0 != 0 }
        return isInside.indices.filter { isInside[$0] }
    }
}
