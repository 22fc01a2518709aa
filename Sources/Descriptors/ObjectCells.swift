import Platform
import Tensors

extension DescriptorGrid {
    /// Subtracts the object's mean descriptor, so that what the whole object shares goes and what tells
    /// its places apart stays. Unchanged where the mask is empty. The result has no class token.
    ///
    /// - Parameter mask: labels of the photo at its own size; the object is where they are not 0.
    /// - Precondition: the mask has the photo's width and height.
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

    /// Indices of the cells whose centre lies in an object.
    ///
    /// - Parameter mask: as for `centred(on:)`.
    func cells(in mask: LabelMap) -> [Int] {
        require(
            mask.width == geometry.photoWidth && mask.height == geometry.photoHeight,
            "DescriptorGrid: a mask of \(mask.width)x\(mask.height) pixels for a photo of "
                + "\(geometry.photoWidth)x\(geometry.photoHeight)")
        let isInside = mask.cells(on: geometry).map { $0 != 0 }
        return isInside.indices.filter { isInside[$0] }
    }
}
